// What transformers answers on a model, and how far a device's answers are from that.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "tests/engine/device/serve.hpp"

namespace nanoflow::test {

/// tests/data/logits/NAME.json and NAME.f32; README.md there says what they hold.
struct Goldens {
  struct Case {
    std::vector<TokenId> prompt, tokens;
    std::vector<float> margins;              // [tokens], best minus second best logit
    std::vector<int> logit_steps;            // the tokens whose logits are stored
    std::vector<std::vector<float>> logits;  // [logit_steps, vocab / logit_stride]
  };
  int logit_stride = 1;     // every so many-th logit is stored
  float largest_logit = 0;  // by absolute value
  std::vector<Case> cases;

  static Goldens read(const std::string& name);
};

/// Errors and margins are relative to the goldens' largest logit.
struct Parity {
  double error = 0;       // largest difference of a logit
  int n_logits = 0;       // compared
  int n_tokens = 0;       // equal
  int n_near_ties = 0;    // cases that end early, at a token that the margin leaves open
  double widest_tie = 0;  // the largest such margin
  std::vector<std::string> failures;
};

/// Adds one case to parity, up to the first token that differs: from there on the two read
/// different texts. It may differ where the two best logits are closer than twice the tolerance,
/// since each may be off by one.
void compare(const Goldens& goldens, const Goldens::Case& golden, const Answer& answer,
             double tolerance, Parity& parity);

}  // namespace nanoflow::test
