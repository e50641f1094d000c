// out[r][n] = sum over k of in[r][k] * w[n][k], plus bias[n], with f32 weights. And what a linear
// layer's weights are kept in, whatever their element.
//
// Order: each output is one f32 accumulator that starts at 0 and takes fma(in[r][k], w[n][k], acc)
// with k ascending; the bias is added last. So neither the number of rows, nor how rows and columns
// are shared out, nor the instruction set changes a bit. FLOPs 2*n_rows*n_outputs*n_inputs; bytes:
// the weights once for each block of 96 rows.
#pragma once
#include <cstddef>

#include "kernels/isa.hpp"
#include "kernels/panels.hpp"

namespace nanoflow::kernels {

/// A weight matrix in panels of 32 outputs, the last one padded with zeros. f32:
/// [n_panels(n_outputs)][n_inputs][32]. bf16: [n_panels(n_outputs)][pairs][32][2], pairs of
/// consecutive inputs, padded with zeros to a multiple of 16, as the instructions that multiply
/// pairs read them; and two words' worth of f32 come out of one load by a shift and a mask. int8
/// and int4: weight_groups.hpp.
struct PackedMatrix {
  Element element = Element::bf16;
  int n_outputs = 0;
  int n_inputs = 0;
  void* data = nullptr;  // 64-byte aligned, packed_bytes long
};
std::size_t packed_bytes(Element element, int n_outputs, int n_inputs);
/// Where a panel of f32 or bf16 has input k of output `lane` (0 .. 31).
constexpr std::size_t weight_place(Element element, int lane, int k) {
  if (element == Element::f32) return static_cast<std::size_t>(k) * panel_width + lane;
  return static_cast<std::size_t>(k / 2) * 2 * panel_width + 2 * lane + k % 2;
}

/// Writes outputs [first_output, first_output + n_rows) from rows, as a checkpoint has them:
/// [n_rows][n_inputs]. Matrices are fused (q, k and v; gate and up) by packing them one below the
/// other. The call that packs the last output also writes the padding. Calls for different outputs
/// may run at the same time.
using PackRows = void(const PackedMatrix& matrix, int first_output, const float* rows, int n_rows);

/// in [rows.end][in_stride], out [rows.end][out_stride] (strides in floats), bias [n_outputs] or
/// null; weights.element is f32. Computes the outputs [32 * panels.begin, min(32 * panels.end,
/// n_outputs)) of the rows in `rows`. in and out do not overlap.
using Matmul = void(float* out, std::ptrdiff_t out_stride, const float* in,
                    std::ptrdiff_t in_stride, const PackedMatrix& weights, const float* bias,
                    Range rows, Range panels);

PackRows pack_rows;
Matmul matmul;
namespace ref {
Matmul matmul;
}
namespace avx2 {
Matmul matmul;
}
namespace avx512 {
Matmul matmul;
}

}  // namespace nanoflow::kernels
