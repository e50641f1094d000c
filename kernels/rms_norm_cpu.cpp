#include "kernels/rms_norm.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

void norm(float* y, const float* x, const NormWeights& weights) {
  const int whole = weights.dim / 16 * 16;
  const int rest = weights.dim - whole;
  F32x16 squares;
  for (int i = 0; i < whole; i += 16) squares = fma(load(x + i), load(x + i), squares);
  if (rest > 0) squares = fma(load(x + whole, rest), load(x + whole, rest), squares);
  const float mean = sum_of_lanes(squares) / static_cast<float>(weights.dim);
  const F32x16 factor(1.0F / __builtin_sqrtf(mean + weights.eps));
  const F32x16 offset(weights.offset);
  for (int i = 0; i < whole; i += 16) {
    store(y + i, load(x + i) * factor * (load(weights.weight + i) + offset));
  }
  if (rest == 0) return;
  const F32x16 scaled = load(x + whole, rest) * factor;
  store(y + whole, scaled * (load(weights.weight + whole, rest) + offset), rest);
}

}  // namespace

void rms_norm(float* out, std::ptrdiff_t out_stride, const float* in, std::ptrdiff_t in_stride,
              const NormWeights& weights, int n_groups, Range rows) {
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int g = 0; g < n_groups; ++g) {
      const std::ptrdiff_t group = static_cast<std::ptrdiff_t>(g) * weights.dim;
      norm(out + r * out_stride + group, in + r * in_stride + group, weights);
    }
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
