// Many rows: a slice of a panel, 16 KiB of it, stays in the first-level cache while tiles of rows
// pass over it; the sums wait in memory between slices, which changes no bit. One row: weights are
// streamed once, a few panels side by side, so that there are sums enough to hide the latency of an
// fma.
#include "kernels/matmul.hpp"
#include "kernels/matmul_block.hpp"
#include "kernels/panel_tile.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

constexpr int slice_inputs = 128;  // 16 KiB of a panel

/// What goes into a block: its rows' inputs, and its panels of the weights.
struct Block {
  const float* in;
  std::ptrdiff_t in_stride;
  int n_rows;
  const PackedMatrix& weights;
  Range panels;

  const float* panel(int p, int k) const {
    const auto row = static_cast<std::size_t>(p) * weights.n_inputs + k;
    return static_cast<const float*>(weights.data) + row * panel_width;
  }
};

/// sums [panels][n_rows][32]
void multiply_rows(float* sums, const Block& block) {
  clear_sums(sums, block.n_rows, block.panels.size());
  for (int k = 0; k < block.weights.n_inputs; k += slice_inputs) {
    const int n_k = smaller(slice_inputs, block.weights.n_inputs - k);
    float* out = sums;
    for (int p = block.panels.begin; p < block.panels.end; ++p, out += block.n_rows * panel_width) {
      accumulate_panel(out, panel_width, block.in + k, block.in_stride, block.panel(p, k), n_k,
                       block.n_rows);
    }
  }
}

/// Panels [panel, panel + n_panels) of a block of one row.
template <int n_panels>
void multiply_panels(float* out, const Block& block, int panel) {
  const int n_inputs = block.weights.n_inputs;
  const float* w = block.panel(panel, 0);
  const std::ptrdiff_t next_panel = static_cast<std::ptrdiff_t>(n_inputs) * panel_width;
  F32x16 sums[n_panels][2];
  for (int k = 0; k < n_inputs; ++k, w += panel_width) {
    const F32x16 x(block.in[k]);
#pragma GCC unroll 4
    for (int p = 0; p < n_panels; ++p) {
      sums[p][0] = fma(x, load(w + p * next_panel), sums[p][0]);
      sums[p][1] = fma(x, load(w + p * next_panel + 16), sums[p][1]);
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < n_panels; ++p) {
    store(out + p * panel_width, sums[p][0]);
    store(out + p * panel_width + 16, sums[p][1]);
  }
}

void multiply_row(float* sums, const Block& block) {
  int p = block.panels.begin;
  for (; p + single_row_panels <= block.panels.end; p += single_row_panels) {
    multiply_panels<single_row_panels>(sums, block, p);
    sums += single_row_panels * panel_width;
  }
  for (; p < block.panels.end; ++p, sums += panel_width) multiply_panels<1>(sums, block, p);
}

}  // namespace

void matmul(float* out, std::ptrdiff_t out_stride, const float* in, std::ptrdiff_t in_stride,
            const PackedMatrix& weights, const float* bias, Range rows, Range panels) {
  each_block(out, out_stride, weights, bias, rows, panels, [&](float* sums, Range r, Range p) {
    const Block block{in + r.begin * in_stride, in_stride, r.size(), weights, p};
    if (block.n_rows == 1) {
      multiply_row(sums, block);
    } else {
      multiply_rows(sums, block);
    }
  });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
