// What sampling and log probabilities both do with a row of logits.
#pragma once
#include <limits>

namespace nanoflow::kernels {

inline constexpr float excluded = -std::numeric_limits<float>::infinity();

/// A logit as the rules see it: NaN never wins, plus infinity is the largest finite number.
inline float defined_logit(float logit) {
  if (logit != logit) return excluded;
  return logit > std::numeric_limits<float>::max() ? std::numeric_limits<float>::max() : logit;
}

/// Index of the largest, the lowest on ties; 0 when all are excluded.
int largest(const float* logits, int n);

}  // namespace nanoflow::kernels
