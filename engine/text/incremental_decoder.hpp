#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/stop_matcher.hpp"
#include "engine/text/tokenizer.hpp"

namespace nanoflow {

/// Turns one choice's tokens into text as they come: whole characters only, and nothing that may
/// yet turn out to be the beginning of a stop string. Of several stop strings the one that is
/// complete first counts, and of those that end together the longest, however the text is cut into
/// tokens.
class IncrementalDecoder {
 public:
  struct Options {
    std::vector<std::string> stop{};  // non-empty strings
    bool include_stop = false;
    bool skip_special = true;
  };
  IncrementalDecoder(const Tokenizer& tokenizer, Options options);

  struct Piece {
    std::string text;  // may be empty: a character or a possible stop string is held back
    bool stopped =
        false;  // a stop string was completed by the token; later tokens must not be pushed
  };
  Piece push(TokenId token);
  /// What was held back, when the choice ends otherwise; half a character becomes U+FFFD.
  std::string finish();
  /// Stop strings that count from the next token on: a request's min_tokens were generated.
  void set_stop(const std::vector<std::string>& stop);

 private:
  bool take(std::string_view character);

  const Tokenizer& tokenizer_;
  Options options_;
  std::vector<text::StopMatcher> stops_;
  std::string held_;  // whole characters not yet given out
  std::string half_;  // the beginning of a character
  bool first_ = true;
};

}  // namespace nanoflow
