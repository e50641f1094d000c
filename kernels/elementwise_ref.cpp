#include "kernels/activation.hpp"
#include "kernels/elementwise.hpp"

namespace nanoflow::kernels {

void add(float* x, std::ptrdiff_t x_stride, const float* y, std::ptrdiff_t y_stride, int dim,
         Range rows) {
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int i = 0; i < dim; ++i) x[r * x_stride + i] += y[r * y_stride + i];
  }
}

namespace ref {

void activate(float* out, std::ptrdiff_t out_stride, const float* gate, const float* up,
              std::ptrdiff_t in_stride, ActivationKind kind, Range rows, Range columns) {
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int i = columns.begin; i < columns.end; ++i) {
      const float x = gate[r * in_stride + i];
      const float y = kind == ActivationKind::silu ? silu(x) : gelu_tanh(x);
      out[r * out_stride + i] = y * up[r * in_stride + i];
    }
  }
}

}  // namespace ref
}  // namespace nanoflow::kernels
