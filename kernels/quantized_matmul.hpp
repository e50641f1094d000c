// out[r][n] = sum over k of a[r][k] * w[n][k], plus bias[n], with a in 8 bits (quantize_rows.hpp)
// and w in 8 or 4 (weight_groups.hpp).
//
// Order: each output is one f32 accumulator that starts at 0. For each span of 64 inputs,
// ascending, int8, with t the exact integer sum of the span's a.q * (w.u - 128):
//
//   acc = fma(t, w.scale * a.scale, acc)
//
// and int4, with part = 0 at first and t the exact sum of a group's a.q * w.u, groups ascending:
//
//   part = fma(t, w.scale, part), part = fma(w.minimum, sum of the group's a.q, part)
//   acc = fma(part, a.scale, acc)             after the span's last group
//
// and the bias is added last. So neither the number of rows, nor how rows and columns are shared
// out, nor the instruction set changes a bit. FLOPs 2*n_rows*n_outputs*n_inputs; bytes: the weights
// once for each block of 96 rows.
#pragma once
#include <cstddef>

#include "kernels/isa.hpp"
#include "kernels/matmul.hpp"
#include "kernels/pages_ahead.hpp"
#include "kernels/quantize_rows.hpp"

namespace nanoflow::kernels {

/// As matmul. weights.element is int8 or int4. ahead: asked for meanwhile, or null.
using QuantizedMatmul = void(float* out, std::ptrdiff_t out_stride, const QuantizedRows& in,
                             const PackedMatrix& weights, const float* bias, Range rows,
                             Range panels, PagesAhead* ahead);

QuantizedMatmul quantized_matmul;
namespace ref {
QuantizedMatmul quantized_matmul;
}
namespace avx2 {
QuantizedMatmul quantized_matmul;
}
namespace avx512 {
QuantizedMatmul quantized_matmul;
}
namespace amx {
QuantizedMatmul quantized_matmul;
}

}  // namespace nanoflow::kernels
