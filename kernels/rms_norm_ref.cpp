#include <cmath>

#include "kernels/lanes_ref.hpp"
#include "kernels/rms_norm.hpp"

namespace nanoflow::kernels::ref {

void rms_norm(float* out, std::ptrdiff_t out_stride, const float* in, std::ptrdiff_t in_stride,
              const NormWeights& weights, int n_groups, Range rows) {
  const int dim = weights.dim;
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int g = 0; g < n_groups; ++g) {
      const float* x = in + r * in_stride + static_cast<std::ptrdiff_t>(g) * dim;
      float* y = out + r * out_stride + static_cast<std::ptrdiff_t>(g) * dim;
      std::array<float, 16> squares{};
      for (int i = 0; i < dim; ++i) squares[i % 16] = std::fma(x[i], x[i], squares[i % 16]);
      const float mean = sum_of_lanes(squares) / static_cast<float>(dim);
      const float factor = 1.0F / std::sqrt(mean + weights.eps);
      for (int i = 0; i < dim; ++i) y[i] = x[i] * factor * (weights.weight[i] + weights.offset);
    }
  }
}

}  // namespace nanoflow::kernels::ref
