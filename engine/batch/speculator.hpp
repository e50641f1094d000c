// When it pays to guess a sequence's next tokens, and how many of them.
#pragma once
#include <array>
#include <vector>

#include "engine/batch/prompt_lookup.hpp"

namespace nanoflow {

/// With more decoding sequences nobody guesses: their rows share the weights already.
inline constexpr int most_decoding = 8;

/// How many tokens to guess. A step of n_decode rows gives as many tokens; with a draft of k of one
/// of them, whose tokens are each right with a chance of p, it gives p + p^2 + ... + p^k more. 0
/// where no draft gives clearly more tokens for its time.
///
/// cost: of a draft's row, as a part of what the step costs without it.
int draft_length(double p, int most, int n_decode, double cost);

/// What a draft's row costs, by the steps that ran.
class DraftCost {
 public:
  DraftCost();
  /// A step of so many decoding sequences and guesses, and nothing else.
  void observe(int n_decode, int n_draft, double ms);
  /// As a part of what a step of n_decode rows costs.
  double of(int n_decode) const;

 private:
  struct Measured {
    double ms = 0;    // without a draft; 0: not known yet
    double cost = 0;  // of a row more, as a part of ms
  };
  std::array<Measured, most_decoding + 1> by_rows_;  // by n_decode
};

/// Of one sequence. It learns from every token of the answer whether it would have guessed it, so
/// that it costs nothing where guesses are wrong, and is back as soon as they are right.
class Speculator {
 public:
  /// What is known: it takes what it has not seen yet.
  void read(const std::vector<TokenId>& prompt, const std::vector<TokenId>& answer);
  /// What may come next: as many tokens as are worth it, at most so many.
  std::vector<TokenId> draft(int most, int n_decode, double cost) const;
  /// How likely the next guess is right.
  double chance() const;

 private:
  void learn(TokenId token);

  PromptLookup lookup_;
  double right_ = 0, wrong_ = 0;  // newest guesses count most
};

}  // namespace nanoflow
