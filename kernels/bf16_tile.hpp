// The inner loop of bf16_matmul, for AVX2 and AVX-512, and for AVX-512 with BF16. Only *_cpu.cpp
// files include this.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/panel_tile.hpp"
#include "kernels/round_rows.hpp"
#include "kernels/weights_ahead.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

inline constexpr int pair_width = 2 * panel_width;  // of a panel's pairs: [32 outputs][2 inputs]
/// Of twelve rows GCC 12 does not keep all sums in registers: an eighth slower than ten.
inline constexpr int bf16_tile_rows = smaller(tile_rows, 10);

/// What a tile reads, [blocks][rows][32].
struct TileInputs {
  const PairInput* values;
  std::ptrdiff_t next_block;
};

#ifdef __AVX512BF16__

/// vdpbf16ps takes both inputs of a pair at once.
inline constexpr int pair_parts = 1;
template <int>
NANOFLOW_INLINE PairWords load_weights(const std::uint16_t* pairs) {
  return load_pairs(pairs);
}

/// The rows as they are.
template <int floats>
struct InputBuffer {
  NANOFLOW_INLINE TileInputs prepare(const Bf16Rows& in, int, int) {
    return {in.values, in.next_block()};
  }
};

#else

/// The even inputs of the pairs, then the odd ones.
inline constexpr int pair_parts = 2;
template <int part>
NANOFLOW_INLINE F32x16 load_weights(const std::uint16_t* pairs) {
  return part == 0 ? load_low(pairs) : load_high(pairs);
}

/// The rows once more, in f32.
template <int floats>
struct InputBuffer {
  alignas(64) float values[floats];

  NANOFLOW_INLINE TileInputs prepare(const Bf16Rows& in, int n_rows, int n_blocks) {
    for (int block = 0; block < n_blocks; ++block) {
      const std::uint16_t* from = in.from(0, block).values;
      float* to = values + static_cast<std::ptrdiff_t>(block) * n_rows * block_inputs;
      for (int i = 0; i < n_rows * block_inputs; ++i) to[i] = from_bf16(from[i]);
    }
    return {values, std::ptrdiff_t{n_rows} * block_inputs};
  }
};

#endif

/// Adds part `part` of one pair of inputs to vectors [first, first + n) of some rows' sums.
template <int part, int rows, int first, int n, class X>
NANOFLOW_INLINE void add_part(F32x16 (&sums)[rows][n], const X* x, const std::uint16_t* pairs,
                              std::ptrdiff_t next_panel) {
#pragma GCC unroll 8
  for (int v = 0; v < n; ++v) {
    const int vector = first + v;
    const auto w = load_weights<part>(pairs + vector / 2 * next_panel + vector % 2 * panel_width);
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r)
      sums[r][v] = add_product(sums[r][v], x + r * block_inputs + part, w);
  }
}

/// sums[r][..] += the products of n_blocks blocks: [rows][32], of which a tile has the vectors
/// [first, first + n) of 16 outputs. With one row they may go on in the next panels.
template <int rows, int first, int n>
inline void multiply_tile(float* sums, TileInputs in, const std::uint16_t* panel,
                          std::ptrdiff_t next_panel, int n_blocks, WeightsAhead& ahead) {
  F32x16 sum[rows][n];
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < n; ++v) sum[r][v] = load(sums + r * panel_width + 16 * (first + v));
  }
  for (; n_blocks > 0; --n_blocks, in.values += in.next_block) {
    const auto* x = in.values;
    for (int pair = 0; pair < block_inputs / 2; ++pair, x += 2, panel += pair_width) {
      add_part<0, rows, first>(sum, x, panel, next_panel);
      if constexpr (pair_parts == 2) add_part<1, rows, first>(sum, x, panel, next_panel);
    }
    ahead.ask();
  }
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < n; ++v) store(sums + r * panel_width + 16 * (first + v), sum[r][v]);
  }
}

/// One panel, n_rows <= rows.
template <int rows>
inline void multiply_panel(int n_rows, float* sums, TileInputs in, const std::uint16_t* panel,
                           int n_blocks, WeightsAhead& ahead) {
  if constexpr (rows > 1) {
    if (n_rows < rows) return multiply_panel<rows - 1>(n_rows, sums, in, panel, n_blocks, ahead);
  }
  if constexpr (tile_halves<std::uint16_t>(rows) == 2) {
    multiply_tile<rows, 0, 2>(sums, in, panel, 0, n_blocks, ahead);
  } else {
    multiply_tile<rows, 0, 1>(sums, in, panel, 0, n_blocks, ahead);
    multiply_tile<rows, 1, 1>(sums, in, panel, 0, n_blocks, ahead);
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
