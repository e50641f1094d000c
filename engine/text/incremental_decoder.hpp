#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/tokenizer.hpp"

namespace nanoflow {

/// Turns one choice's tokens into text as they come: whole characters only, and nothing that may yet turn out
/// to be the beginning of a stop string.
class IncrementalDecoder {
 public:
  struct Options {
    std::vector<std::string> stop;  // non-empty strings
    bool include_stop = false;
    bool skip_special = true;
  };
  IncrementalDecoder(const Tokenizer& tokenizer, Options options);

  struct Piece {
    std::string text;      // may be empty: a character or a possible stop string is held back
    bool stopped = false;  // a stop string was completed by the token; later tokens must not be pushed
  };
  Piece push(TokenId token);
  /// What was held back, when the choice ends otherwise; half a character becomes U+FFFD.
  std::string finish();
  /// Stop strings that count from the next token on (min_tokens were generated).
  void set_stop(std::vector<std::string> stop) { options_.stop = std::move(stop); }

 private:
  Piece release(bool final);

  const Tokenizer& tokenizer_;
  Options options_;
  std::string pending_;  // bytes not yet given out
  bool first_ = true;
};

}  // namespace nanoflow
