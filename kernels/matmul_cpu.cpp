// Many rows: a block of weights, one panel wide and 256 inputs deep, stays in the first-level cache
// while tiles of rows pass over it, and the rows' 256 inputs stay in the second while panels pass
// over them. The sums wait in `out` between blocks of inputs, which changes no bit. One row:
// weights are streamed once, a few panels side by side, so that there are sums enough to hide the
// latency of an fma.
#include "kernels/matmul.hpp"
#include "kernels/panel_tile.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

constexpr int block_rows = 96;
constexpr int block_inputs = 256;

NANOFLOW_INLINE int smaller(int a, int b) {
  return a < b ? a : b;
}

struct Rows {
  float* out;  // the first column of the first panel
  std::ptrdiff_t out_stride;
  const float* in;
  std::ptrdiff_t in_stride;
  int n;
};

template <class T>
const T* panel_at(const PackedMatrix& weights, int panel, int k) {
  const auto row = static_cast<std::size_t>(panel) * weights.n_inputs + k;
  return static_cast<const T*>(weights.data) + row * panel_width;
}

void clear(float* out, std::ptrdiff_t stride, int n_rows, int n_columns) {
  for (int r = 0; r < n_rows; ++r) {
    for (int i = 0; i < n_columns; ++i) out[r * stride + i] = 0;
  }
}

/// Whole panels of a block of rows.
template <class T>
void multiply_block(const Rows& rows, const PackedMatrix& weights, Range panels) {
  clear(rows.out, rows.out_stride, rows.n, panels.size() * panel_width);
  for (int k = 0; k < weights.n_inputs; k += block_inputs) {
    const int n_k = smaller(block_inputs, weights.n_inputs - k);
    for (int p = panels.begin; p < panels.end; ++p) {
      float* out = rows.out + (p - panels.begin) * panel_width;
      accumulate_panel(out, rows.out_stride, rows.in + k, rows.in_stride,
                       panel_at<T>(weights, p, k), n_k, rows.n);
    }
  }
}

/// n_panels panels of one row.
template <int n_panels, class T>
void multiply_row(float* out, const float* in, const PackedMatrix& weights, int panel) {
  const T* w = panel_at<T>(weights, panel, 0);
  const std::ptrdiff_t next_panel = static_cast<std::ptrdiff_t>(weights.n_inputs) * panel_width;
  F32x16 sums[n_panels][2];
  for (int k = 0; k < weights.n_inputs; ++k, w += panel_width) {
    const F32x16 x(in[k]);
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
void multiply_row(float* out, const float* in, const PackedMatrix& weights, Range panels) {
  int p = panels.begin;
  for (; p + single_row_panels <= panels.end; p += single_row_panels) {
    multiply_row<single_row_panels, T>(out, in, weights, p);
    out += single_row_panels * panel_width;
  }
  for (; p < panels.end; ++p, out += panel_width) multiply_row<1, T>(out, in, weights, p);
}

/// The last panel, when not all of its columns are outputs, by way of a block of whole rows.
template <class T>
void multiply_partial_panel(const Rows& rows, const PackedMatrix& weights, int panel) {
  alignas(64) float sums[block_rows * panel_width];
  multiply_block<T>({sums, panel_width, rows.in, rows.in_stride, rows.n}, weights,
                    {panel, panel + 1});
  const int n_columns = weights.n_outputs - panel * panel_width;
  for (int r = 0; r < rows.n; ++r) {
    for (int i = 0; i < n_columns; ++i) {
      rows.out[r * rows.out_stride + i] = sums[r * panel_width + i];
    }
  }
}

template <class T>
void multiply(Rows rows, const PackedMatrix& weights, Range panels) {
  const Range whole{panels.begin, smaller(panels.end, weights.n_outputs / panel_width)};
  if (rows.n == 1) {
    multiply_row<T>(rows.out, rows.in, weights, whole);
  } else {
    multiply_block<T>(rows, weights, whole);
  }
  if (whole.end == panels.end) return;
  rows.out += whole.size() * panel_width;
  multiply_partial_panel<T>(rows, weights, whole.end);
}

void add_bias(const Rows& rows, const float* bias, int n_columns) {
  for (int r = 0; r < rows.n; ++r) {
    for (int i = 0; i < n_columns; ++i) rows.out[r * rows.out_stride + i] += bias[i];
  }
}

}  // namespace

void matmul(float* out, std::ptrdiff_t out_stride, const float* in, std::ptrdiff_t in_stride,
            const PackedMatrix& weights, const float* bias, Range rows, Range panels) {
  const int first = panels.begin * panel_width;
  const int n_columns = smaller(panels.end * panel_width, weights.n_outputs) - first;
  for (int r = rows.begin; r < rows.end; r += block_rows) {
    const Rows block{out + r * out_stride + first, out_stride, in + r * in_stride, in_stride,
                     smaller(block_rows, rows.end - r)};
    if (weights.element == Element::f32) {
      multiply<float>(block, weights, panels);
    } else {
      multiply<std::uint16_t>(block, weights, panels);
    }
    if (bias != nullptr) add_bias(block, bias + first, n_columns);
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
