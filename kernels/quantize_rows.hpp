// Rows of activations in 8 bits, for products with weights of 8 and 4 bits.
//
// Each span of 64 numbers, or what is left of a row, becomes q = round(x * (127 / m)), m the span's
// largest magnitude, with the scale m / 127; a span below 2^-100 becomes zeros. A NaN or an
// infinity makes its whole span's products NaN. FLOPs about 4 a number; bytes 4 read and 1.2
// written.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/isa.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels {

/// By group of 32 and by span, since a product reads one group of several rows at a time.
struct QuantizedRows {
  int n_rows = 0;                 // from a group or span to the next
  std::int8_t* values = nullptr;  // [groups][n_rows][32]
  float* sums = nullptr;          // [groups][n_rows], of the values
  float* scales = nullptr;        // [spans][n_rows]
  // [spans][n_rows], -128 * the sum of the values: weights of 8 bits are kept 128 too large
  std::int32_t* starts = nullptr;

  /// From this row and span on. (Inlined always: a copy of its own would be compiled for whichever
  /// instruction set, and run on every processor.)
  [[gnu::always_inline]] QuantizedRows from(int row, int span) const {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(span) * n_rows + row;
    const std::ptrdiff_t group = static_cast<std::ptrdiff_t>(span) * groups_a_span * n_rows + row;
    return {n_rows, values + group * group_inputs, sums + group, scales + at, starts + at};
  }
};

/// in [rows.end][in_stride]. Writes the inputs [inputs.begin, inputs.end) of the rows in `rows`,
/// multiples of 32 from the beginning of a span to the end of one or of the row.
using QuantizeRows = void(const QuantizedRows& out, const float* in, std::ptrdiff_t in_stride,
                          Range rows, Range inputs);

QuantizeRows quantize_rows;
namespace ref {
QuantizeRows quantize_rows;
}
namespace avx2 {
QuantizeRows quantize_rows;
}
namespace avx512 {
QuantizeRows quantize_rows;
}

}  // namespace nanoflow::kernels
