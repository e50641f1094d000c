// Rows of activations in 8 bits, for products with weights of 8 and 4 bits.
//
// Each group of 32 numbers becomes q = round(x * (127 / m)), m the group's largest magnitude, with
// the scale m / 127; a group below 2^-100 becomes zeros. A NaN or an infinity makes its whole
// group's products NaN. FLOPs about 4 a number; bytes 4 read and 1.4 written.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/isa.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels {

/// By group, since a product reads one group of several rows at a time.
struct QuantizedRows {
  int n_rows = 0;                 // from a group to the next
  std::int8_t* values = nullptr;  // [groups][n_rows][32]
  float* scales = nullptr;        // [groups][n_rows]
  float* offsets = nullptr;       // [groups][n_rows], scale * the sum of the values
  // [groups][n_rows], -128 * the sum of the values: weights of 8 bits are kept 128 too large
  std::int32_t* starts = nullptr;

  /// From this row and group on. (Inlined always: a copy of its own would be compiled for whichever
  /// instruction set, and run on every processor.)
  [[gnu::always_inline]] QuantizedRows from(int row, int group) const {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(group) * n_rows + row;
    return {n_rows, values + at * group_inputs, scales + at, offsets + at, starts + at};
  }
};

/// in [rows.end][in_stride]. Writes the inputs [32 * groups.begin, 32 * groups.end) of the rows in
/// `rows`, read from in + 32 * groups.begin.
using QuantizeRows = void(const QuantizedRows& out, const float* in, std::ptrdiff_t in_stride,
                          Range rows, Range groups);

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
