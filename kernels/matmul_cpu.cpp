// A block is up to 96 rows x 8 panels of outputs, whose sums stay in the second-level cache. Many
// rows: a slice of a panel, 16 KiB of it, stays in the first-level cache while tiles of rows pass
// over it; the sums wait in memory between slices, which changes no bit. One row: weights are
// streamed once, a few panels side by side, so that there are sums enough to hide the latency of an
// fma.
#include "kernels/matmul.hpp"
#include "kernels/panel_tile.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

constexpr int block_rows = 96;
constexpr int block_panels = 8;
constexpr int block_columns = block_panels * panel_width;
constexpr int slice_bytes = 16384;

NANOFLOW_INLINE int smaller(int a, int b) {
  return a < b ? a : b;
}

/// What goes into a block: its rows' inputs, and its panels of the weights.
struct Block {
  const float* in;
  std::ptrdiff_t in_stride;
  int n_rows;
  const PackedMatrix& weights;
  Range panels;

  template <class T>
  const T* panel(int p, int k) const {
    const auto row = static_cast<std::size_t>(p) * weights.n_inputs + k;
    return static_cast<const T*>(weights.data) + row * panel_width;
  }
};

/// sums [n_rows][256]
template <class T>
void multiply_rows(float* sums, const Block& block) {
  for (int i = 0; i < block.n_rows * block_columns; i += 16) store(sums + i, F32x16());
  constexpr int slice_inputs = slice_bytes / (panel_width * static_cast<int>(sizeof(T)));
  for (int k = 0; k < block.weights.n_inputs; k += slice_inputs) {
    const int n_k = smaller(slice_inputs, block.weights.n_inputs - k);
    float* out = sums;
    for (int p = block.panels.begin; p < block.panels.end; ++p, out += panel_width) {
      accumulate_panel(out, block_columns, block.in + k, block.in_stride, block.panel<T>(p, k), n_k,
                       block.n_rows);
    }
  }
}

/// Panels [panel, panel + n_panels) of a block of one row.
template <int n_panels, class T>
void multiply_panels(float* out, const Block& block, int panel) {
  const int n_inputs = block.weights.n_inputs;
  const T* w = block.panel<T>(panel, 0);
  const std::ptrdiff_t next_panel = static_cast<std::ptrdiff_t>(n_inputs) * panel_width;
  F32x16 sums[n_panels][2];
  for (int k = 0; k < n_inputs; ++k, w += panel_width) {
    const F32x16 x(block.in[k]);
#pragma GCC unroll 4
    for (int p = 0; p < n_panels; ++p) {
      sums[p][0] = fma(x, load_half<0>(w + p * next_panel), sums[p][0]);
      sums[p][1] = fma(x, load_half<1>(w + p * next_panel), sums[p][1]);
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < n_panels; ++p) {
    store(out + p * panel_width, sums[p][0]);
    store(out + p * panel_width + 16, sums[p][1]);
  }
}

template <class T>
void multiply_row(float* sums, const Block& block) {
  int p = block.panels.begin;
  for (; p + single_row_panels <= block.panels.end; p += single_row_panels) {
    multiply_panels<single_row_panels, T>(sums, block, p);
    sums += single_row_panels * panel_width;
  }
  for (; p < block.panels.end; ++p, sums += panel_width) multiply_panels<1, T>(sums, block, p);
}

template <class T>
void multiply(float* sums, const Block& block) {
  if (block.n_rows == 1) {
    multiply_row<T>(sums, block);
  } else {
    multiply_rows<T>(sums, block);
  }
}

/// The block's columns that are outputs go where they belong, with the bias.
void write(float* out, std::ptrdiff_t out_stride, const float* sums, const float* bias,
           const Block& block) {
  const int first = block.panels.begin * panel_width;
  const int n = smaller(block.panels.end * panel_width, block.weights.n_outputs) - first;
  out += first;
  for (int r = 0; r < block.n_rows; ++r, out += out_stride, sums += block_columns) {
    if (bias == nullptr) {
      for (int i = 0; i < n; ++i) out[i] = sums[i];
    } else {
      for (int i = 0; i < n; ++i) out[i] = sums[i] + bias[first + i];
    }
  }
}

}  // namespace

void matmul(float* out, std::ptrdiff_t out_stride, const float* in, std::ptrdiff_t in_stride,
            const PackedMatrix& weights, const float* bias, Range rows, Range panels) {
  alignas(64) float sums[block_rows * block_columns];
  for (int r = rows.begin; r < rows.end; r += block_rows) {
    const int n_rows = smaller(block_rows, rows.end - r);
    for (int p = panels.begin; p < panels.end; p += block_panels) {
      const Range here{p, smaller(p + block_panels, panels.end)};
      const Block block{in + r * in_stride, in_stride, n_rows, weights, here};
      if (weights.element == Element::f32) {
        multiply<float>(sums, block);
      } else {
        multiply<std::uint16_t>(sums, block);
      }
      write(out + r * out_stride, out_stride, sums, bias, block);
    }
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
