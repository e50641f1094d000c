#pragma once
#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/regex.hpp"
#include "engine/token.hpp"

namespace nanoflow::text {

/// A token that is sought in the text before the text is cut into words.
struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool special = false;      // found only where special tokens are asked for; left out of an answer
  bool strip_left = false;   // takes the blanks before it
  bool strip_right = false;  // and after it
  bool single_word = false;  // not found inside a word
};

/// Finds added tokens: leftmost first, of those the longest. Immutable.
class AddedTokens {
 public:
  explicit AddedTokens(std::vector<AddedToken> tokens);

  struct Found {
    Range range;  // in the text, with the blanks it takes
    TokenId id = 0;
  };
  using Allowed = std::function<bool(const AddedToken&, Range)>;
  std::vector<Found> find(std::string_view text, const Allowed& allowed) const;

 private:
  const AddedToken* longest_at(std::string_view text, std::size_t at, const Allowed& allowed) const;

  std::vector<AddedToken> tokens_;     // by content, so that a prefix selects a run of them
  std::array<Range, 256> by_first_{};  // the run of each first byte
};

}  // namespace nanoflow::text
