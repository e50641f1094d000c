// One request's way back: from the tokens that were chosen to what its client reads.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "engine/text/incremental_decoder.hpp"

namespace nanoflow {

class Answer {
 public:
  /// The tokenizer must outlive it.
  Answer(std::shared_ptr<const GenerateJob> job, const Tokenizer& tokenizer);

  /// Takes a token. True when it completed a stop string: then the choice keeps the tokens up to
  /// this one, and later ones of the choice are ignored.
  bool push(const TokenEvent& event);
  /// What was pushed since the last call: one entry for each choice that has something to say.
  /// Always empty where the client wants the whole only.
  std::vector<wire::Tokens> take();
  /// The last event, after all text that was held back: call take() in between. An aborted request
  /// ends with an error.
  void flush();
  wire::EventBody end(const Finished& finished, const wire::Cost& cost) const;

  const GenerateJob& job() const { return *job_; }

 private:
  struct Choice {
    IncrementalDecoder decoder;
    int n_tokens = 0;         // of the choice, so far
    bool stopped = false;     // by a stop string
    bool ended = false;       // nothing is held back any more
    wire::Tokens news = {};   // not yet taken
    wire::Choice whole = {};  // stream false: all there is
  };

  std::shared_ptr<const GenerateJob> job_;
  std::vector<Choice> choices_;  // [n]
};

}  // namespace nanoflow
