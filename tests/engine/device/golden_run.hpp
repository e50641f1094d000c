// Runs a device along stored goldens: prompts in chunks, all sequences in one batch, then token by
// token.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "engine/device/device.hpp"

namespace nanoflow::test {

/// tests/data/logits/NAME.json and NAME.f32; README.md there says what they hold.
struct Goldens {
  struct Case {
    std::vector<TokenId> prompt, tokens;
    std::vector<float> margins;              // [tokens], best minus second best logit
    std::vector<int> logit_steps;            // of these tokens the logits are stored
    std::vector<std::vector<float>> logits;  // [logit_steps, vocab / logit_stride]
  };
  int vocab = 0;
  int logit_stride = 1;
  float largest_logit = 0;  // by absolute value
  std::vector<Case> cases;

  static Goldens read(const std::string& name);
};

/// How far a device was from the goldens. Logits are compared up to a constant of each row, since
/// a device reports log probabilities.
struct Parity {
  double error = 0;      // largest difference of logits over the largest logit
  int n_logits = 0;      // compared
  int n_tokens = 0;      // compared
  int n_near_ties = 0;   // tokens that differ where the goldens' margin allows it
  double worst_tie = 0;  // the largest such margin, over the largest logit
  std::vector<std::string> failures;
};

/// tolerance: of an error; two logits may swap when they are closer than twice that.
Parity run_goldens(Device& device, const std::filesystem::path& model, const Goldens& goldens,
                   WeightFormat weights, double tolerance);

}  // namespace nanoflow::test
