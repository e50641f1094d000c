// As matmul_cpu.cpp: a slice of a panel, 18 KiB of it, stays in the first-level cache while tiles
// of rows pass over it. A few rows read whole panels, in the order of memory, and one row takes a
// few panels side by side.
#include "kernels/bf16_matmul.hpp"

#include "kernels/bf16_tile.hpp"
#include "kernels/matmul_block.hpp"
#include "kernels/weights_ahead.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

constexpr int slice_blocks = 9;
constexpr std::size_t block_bytes = block_inputs * panel_width * sizeof(std::uint16_t);
constexpr int asked_share = 3;  // a line for so many rows and blocks: 32 of a whole tile
constexpr int row_slice_blocks = block_rows * slice_blocks;  // of one row: as large a buffer

/// Slices of one size, about, of n_blocks.
int blocks_a_slice(int n_rows, int n_blocks) {
  if (n_rows <= streaming_rows) return row_slice_blocks / n_rows;
  const int n_slices = (n_blocks + slice_blocks - 1) / slice_blocks;
  return (n_blocks + n_slices - 1) / n_slices;
}

void multiply_row(float* sums, TileInputs in, const PackedMatrix& weights, Range panels, int block,
                  int n_blocks) {
  const std::ptrdiff_t next_panel = bf16_panel(weights, 1, 0) - bf16_panel(weights, 0, 0);
  WeightsAhead nothing;
  int p = panels.begin;
  for (; p + single_row_panels <= panels.end; p += single_row_panels) {
    multiply_tile<1, 0, 2 * single_row_panels>(sums, in, bf16_panel(weights, p, block), next_panel,
                                               n_blocks, nothing);
    sums += single_row_panels * panel_width;
  }
  for (; p < panels.end; ++p, sums += panel_width)
    multiply_tile<1, 0, 2>(sums, in, bf16_panel(weights, p, block), 0, n_blocks, nothing);
}

void multiply_rows(float* sums, int n_rows, TileInputs in, const PackedMatrix& weights,
                   Range panels, int block, int n_blocks, PagesAhead* pages) {
  const int all_blocks = n_input_blocks(weights.n_inputs);
  const int slice = blocks_a_slice(n_rows, all_blocks);
  for (int p = panels.begin; p < panels.end; ++p, sums += n_rows * panel_width) {
    WeightsAhead ahead;
    if (n_rows > streaming_rows) {
      const NextSlice next(panels, p, block, slice, all_blocks);
      const int n = smaller(slice, all_blocks - next.first);
      ahead = {bf16_panel(weights, next.panel, next.first), n * block_bytes,
               n_tiles<bf16_tile_rows>(n_rows) * n_blocks};
    }
    each_tile<bf16_tile_rows>(n_rows, [&](int first, int n) {
      const TileInputs rows{in.values + first * block_inputs, in.next_block};
      multiply_panel<bf16_tile_rows>(n, sums + first * panel_width, rows,
                                     bf16_panel(weights, p, block), n_blocks, ahead);
      if (pages) pages->ask(n * n_blocks / asked_share);
    });
  }
}

/// sums [panels][n_rows][32]
void multiply(float* sums, const Bf16Rows& in, const PackedMatrix& weights, Range rows,
              Range panels, PagesAhead* pages) {
  InputBuffer<row_slice_blocks * block_inputs> buffer;
  clear_sums(sums, rows.size(), panels.size());
  const int n_blocks = n_input_blocks(weights.n_inputs);
  const int most = blocks_a_slice(rows.size(), n_blocks);
  for (int block = 0; block < n_blocks; block += most) {
    const int n = smaller(most, n_blocks - block);
    const TileInputs inputs = buffer.prepare(in.from(rows.begin, block), rows.size(), n);
    if (rows.size() == 1) {
      multiply_row(sums, inputs, weights, panels, block, n);
    } else {
      multiply_rows(sums, rows.size(), inputs, weights, panels, block, n, pages);
    }
  }
}

}  // namespace

void bf16_matmul(float* out, std::ptrdiff_t out_stride, const Bf16Rows& in,
                 const PackedMatrix& weights, const float* bias, Range rows, Range panels,
                 PagesAhead* ahead) {
  each_block(out, out_stride, weights, bias, rows, panels,
             [&](float* sums, Range r, Range p) { multiply(sums, in, weights, r, p, ahead); });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
