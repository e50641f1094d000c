#include "kernels/experts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/exp.hpp"

namespace nanoflow::kernels {
namespace {

float ranked(float logit) {
  return std::isnan(logit) ? -std::numeric_limits<float>::infinity() : logit;
}

bool contains(const int* experts, int n, int expert) {
  return std::find(experts, experts + n, expert) != experts + n;
}

/// The likeliest expert that is not among the n chosen. n_used is small: a scan for each beats
/// sorting.
int next_expert(const int* chosen, int n, const float* logits, int n_experts) {
  int best = -1;
  for (int e = 0; e < n_experts; ++e) {
    if (contains(chosen, n, e)) continue;
    if (best < 0 || ranked(logits[e]) > ranked(logits[best])) best = e;
  }
  return best;
}

/// Sum of exp(logit - maximum) over all experts, or over the chosen only.
float sum_of_weights(const int* experts, int n_used, const float* logits, int n_experts,
                     bool chosen_only) {
  const float maximum = ranked(logits[experts[0]]);
  float sum = 0;
  for (int e = 0; e < n_experts; ++e) {
    if (chosen_only && !contains(experts, n_used, e)) continue;
    sum += exponential(ranked(logits[e]) - maximum);
  }
  return sum;
}

}  // namespace

void route(int* experts, float* weights, const float* logits, int n_experts, int n_used,
           bool normalize, Range rows) {
  for (int r = rows.begin; r < rows.end; ++r) {
    const float* row = logits + static_cast<std::ptrdiff_t>(r) * n_experts;
    int* chosen = experts + static_cast<std::ptrdiff_t>(r) * n_used;
    for (int u = 0; u < n_used; ++u) chosen[u] = next_expert(chosen, u, row, n_experts);
    const float sum = sum_of_weights(chosen, n_used, row, n_experts, normalize);
    for (int u = 0; u < n_used; ++u) {
      const float weight = exponential(ranked(row[chosen[u]]) - ranked(row[chosen[0]]));
      weights[static_cast<std::ptrdiff_t>(r) * n_used + u] = weight / sum;
    }
  }
}

void combine_experts(float* out, std::ptrdiff_t out_stride, const float* outputs, const int* slots,
                     const float* weights, int n_used, int dim, Range rows) {
  for (int r = rows.begin; r < rows.end; ++r) {
    float* sum = out + r * out_stride;
    for (int u = 0; u < n_used; ++u) {
      const auto i = static_cast<std::ptrdiff_t>(r) * n_used + u;
      const float* y = outputs + static_cast<std::ptrdiff_t>(slots[i]) * dim;
      const float weight = weights[i];
      if (u == 0) {
        for (int d = 0; d < dim; ++d) sum[d] = weight * y[d];
      } else {
        for (int d = 0; d < dim; ++d) sum[d] += weight * y[d];
      }
    }
  }
}

}  // namespace nanoflow::kernels
