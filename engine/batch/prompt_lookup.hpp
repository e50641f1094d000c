#pragma once
#include <vector>

#include "engine/token.hpp"

namespace nanoflow {

/// Guesses how a sequence goes on: its newest tokens are looked up among those before, and what
/// followed them there may follow again (prompt lookup, Saxena, 2023; LLMA, Yang et al., "Inference
/// with Reference", 2023). Places are found as in LZ77's hash chains, in bounded time whatever the
/// tokens are; 12 to 20 bytes a token.
class PromptLookup {
 public:
  static constexpr int least_match = 3;   // tokens: two alike say little
  static constexpr int most_match = 16;   // longer matches count as this long
  static constexpr int most_places = 64;  // that are looked at, from the last one on

  void append(TokenId token);
  int size() const { return static_cast<int>(tokens_.size()); }

  /// The n tokens that followed the longest match, the last of several as long; empty where nothing
  /// matches. What comes to the end goes on with itself: of a b c a b c a, the next is b c a b c.
  std::vector<TokenId> continuation(int n) const;

 private:
  void grow();
  void link(int end);
  int match(int end) const;

  std::vector<TokenId> tokens_;
  // Places are ends, positions after the least_match tokens that a chain is of; 0: none.
  std::vector<int> last_;    // [power of 2], by those tokens' hash
  std::vector<int> before_;  // [tokens], by end - 1: the place before in its chain
};

}  // namespace nanoflow
