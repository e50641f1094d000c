// out[r][n] = sum over k of a[r][k] * w[n][k], plus bias[n], with a (round_rows.hpp) and w in bf16.
//
// Each output is one f32 accumulator that starts at 0; the bias is added last. What is added in
// which order depends on the instructions, so here, and only here, the instruction set may change
// bits:
//
//   reference, AVX2, AVX-512    acc = fma(a[k], w[k], acc), k ascending
//   AVX-512 with BF16           the same, but of each pair of inputs the odd one first:
//                               acc = fma(a[k], w[k], fma(a[k + 1], w[k + 1], acc)), k = 0, 2, ...
//   AMX                         for each block of 32 inputs, ascending, even and odd ones apart:
//                               even = fma(a[k], w[k], even), k = 0, 2, .. 30 of the block, from 0
//                               odd = fma(a[k], w[k], odd), k = 1, 3, .. 31 of the block, from 0
//                               acc = acc + (even + odd)
//
// as Intel's manual (volume 2, VDPBF16PS and TDPBF16PS) has it, always rounded to nearest with
// denormals as zeros: as set_float_mode has all others. But on one machine neither the number of
// rows, nor how rows and columns are shared out, changes a bit. FLOPs 2*n_rows*n_outputs*n_inputs;
// bytes: the weights once for each block of 96 rows (AMX: 512).
#pragma once
#include <cstddef>

#include "kernels/isa.hpp"
#include "kernels/matmul.hpp"
#include "kernels/pages_ahead.hpp"
#include "kernels/round_rows.hpp"

namespace nanoflow::kernels {

/// As matmul. weights.element is bf16. ahead: asked for meanwhile, or null.
using Bf16Matmul = void(float* out, std::ptrdiff_t out_stride, const Bf16Rows& in,
                        const PackedMatrix& weights, const float* bias, Range rows, Range panels,
                        PagesAhead* ahead);

Bf16Matmul bf16_matmul;
namespace ref {
Bf16Matmul bf16_matmul;
}
namespace avx2 {
Bf16Matmul bf16_matmul;
}
namespace avx512 {
Bf16Matmul bf16_matmul;
}
namespace avx512_bf16 {
Bf16Matmul bf16_matmul;
}
namespace amx {
Bf16Matmul bf16_matmul;
}

/// Where a panel of bf16 weights begins from this block of inputs on. Inlined always, since files
/// for other instruction sets use it.
[[gnu::always_inline]] inline const std::uint16_t* bf16_panel(const PackedMatrix& weights,
                                                              int panel, int block) {
  const std::size_t blocks =
      static_cast<std::size_t>(panel) * n_input_blocks(weights.n_inputs) + block;
  return static_cast<const std::uint16_t*>(weights.data) + blocks * block_inputs * panel_width;
}

}  // namespace nanoflow::kernels
