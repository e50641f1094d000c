// Rows of activations in 8 bits, for products with weights of 8 and 4 bits.
//
// Each group of 32 numbers becomes q = round(x * (127 / m)), m the group's largest magnitude, with
// the scale m / 127; a group below 2^-100 becomes zeros. A NaN or an infinity makes its whole
// group's products NaN. FLOPs about 4 a number; bytes 4 read and 1.4 written.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/isa.hpp"

namespace nanoflow::kernels {

struct QuantizedRows {
  int stride = 0;                 // values from a row to the next, a multiple of 32
  std::int8_t* values = nullptr;  // [rows][stride]
  float* scales = nullptr;        // [rows][stride / 32], each of a group of 32
  float* offsets = nullptr;       // [rows][stride / 32], scale * the sum of the values
  // [rows][stride / 32], -128 * the sum of the values: weights of 8 bits are kept 128 too large
  std::int32_t* starts = nullptr;
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
