// What sampling and log probabilities both do with a row of logits.
#pragma once
#include <cstdint>
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

/// The largest of a row's logits as sample would choose it, found part by part in any order: so the
/// row need not be kept.
struct LargestLogit {
  float logit = excluded;
  std::int32_t token = -1;  // none had a finite logit

  /// A part of the row: [n] logits, of the tokens from first on.
  void add(const float* logits, std::int32_t first, int n);
  void add(const LargestLogit& other) {
    if (other.logit > logit || (other.logit == logit && other.token < token)) *this = other;
  }
};

}  // namespace nanoflow::kernels
