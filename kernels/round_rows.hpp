// Rows of activations rounded to bf16, for products with bf16 weights.
//
// Each number becomes the nearest bf16, ties to even (to_bf16 in panels.hpp); a NaN stays one.
// FLOPs none; bytes 4 read and 2 written.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/isa.hpp"

namespace nanoflow::kernels {

/// Inputs that a product takes at a time: what a row of AMX's tiles holds. bf16 rows and weights
/// are padded with zeros to whole blocks.
inline constexpr int block_inputs = 32;
constexpr int n_input_blocks(int n_inputs) {
  return (n_inputs + block_inputs - 1) / block_inputs;
}

/// By block, since a product reads one block of several rows at a time.
struct Bf16Rows {
  int n_rows = 0;                   // from a block to the next
  std::uint16_t* values = nullptr;  // [blocks][n_rows][32]

  [[gnu::always_inline]] std::ptrdiff_t next_block() const {
    return std::ptrdiff_t{n_rows} * block_inputs;
  }
  /// From this row and block on. (Inlined always: a copy of its own would be compiled for whichever
  /// instruction set, and run on every processor.)
  [[gnu::always_inline]] Bf16Rows from(int row, int block) const {
    return {n_rows, values + (std::ptrdiff_t{block} * n_rows + row) * block_inputs};
  }
};

/// in [rows.end][in_stride]. Writes the inputs `columns` of the rows in `rows`, read from
/// in + columns.begin, which is a multiple of 32; the rest of the block in which they end becomes
/// zeros.
using RoundRows = void(const Bf16Rows& out, const float* in, std::ptrdiff_t in_stride, Range rows,
                       Range columns);

RoundRows round_rows;
namespace ref {
RoundRows round_rows;
}
namespace avx2 {
RoundRows round_rows;
}
namespace avx512 {
RoundRows round_rows;
}

}  // namespace nanoflow::kernels
