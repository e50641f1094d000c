// The operations without a sum: each number of the output depends on the same place of the inputs.
#pragma once
#include <cstddef>

#include "kernels/isa.hpp"

namespace nanoflow::kernels {

enum class ActivationKind {
  silu,       // x / (1 + exp(-x))
  gelu_tanh,  // x/2 * (1 + tanh(y)), y = sqrt(2/pi) * (x + 0.044715 x^3); computed as x / (1 +
              // exp(-2y))
};

/// out[r][i] = activation(gate[r][i]) * up[r][i] for i in `columns` (Shazeer, "GLU Variants",
/// 2020). Strides in floats; out may be gate or up. Bytes 12 a number.
using Activate = void(float* out, std::ptrdiff_t out_stride, const float* gate, const float* up,
                      std::ptrdiff_t in_stride, ActivationKind kind, Range rows, Range columns);

Activate activate;

/// x[r][i] += y[r][i] for i in [0, dim): the residual stream. Bytes 12 a number.
void add(float* x, std::ptrdiff_t x_stride, const float* y, std::ptrdiff_t y_stride, int dim,
         Range rows);

namespace ref {
Activate activate;
}
namespace avx2 {
Activate activate;
}
namespace avx512 {
Activate activate;
}

}  // namespace nanoflow::kernels
