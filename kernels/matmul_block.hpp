// What both matrix products do with a block of outputs. Only *_cpu.cpp files include this.
#pragma once
#include "kernels/matmul.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

/// A block is up to 96 rows x 8 panels of outputs, whose sums stay in the second-level cache.
inline constexpr int block_rows = 96;
inline constexpr int block_panels = 8;

/// 32 sums to where they belong, of which n are outputs, with their bias.
NANOFLOW_INLINE void put_sums(float* to, const float* from, int n, const float* bias) {
  if (n >= panel_width) {
    for (int j = 0; j < panel_width; j += 16) {
      const F32x16 sum = load(from + j);
      store(to + j, bias == nullptr ? sum : sum + load(bias + j));
    }
    return;
  }
  for (int j = 0; j < n; ++j) to[j] = bias == nullptr ? from[j] : from[j] + bias[j];
}

/// Calls compute(sums, rows, panels) for each block of the ranges, to fill sums [panels][rows][32],
/// then puts the columns that are outputs where they belong, row by row, as memory is written
/// fastest. (A panel's rows lie side by side: a power of two between them would crowd them into a
/// few sets of the first-level cache.)
template <class Compute>
inline void each_block(float* out, std::ptrdiff_t out_stride, const PackedMatrix& weights,
                       const float* bias, Range rows, Range panels, const Compute& compute) {
  alignas(64) float sums[block_rows * block_panels * panel_width];
  for (int r = rows.begin; r < rows.end; r += block_rows) {
    const Range block_r{r, smaller(r + block_rows, rows.end)};
    for (int p = panels.begin; p < panels.end; p += block_panels) {
      const Range block_p{p, smaller(p + block_panels, panels.end)};
      compute(sums, block_r, block_p);
      for (int row = 0; row < block_r.size(); ++row) {
        float* to = out + (block_r.begin + row) * out_stride;
        const float* from = sums + row * panel_width;
        for (int panel = block_p.begin; panel < block_p.end; ++panel) {
          const int first = panel * panel_width;
          put_sums(to + first, from, weights.n_outputs - first,
                   bias == nullptr ? nullptr : bias + first);
          from += block_r.size() * panel_width;
        }
      }
    }
  }
}

NANOFLOW_INLINE void clear_sums(float* sums, int n_rows, int n_panels) {
  for (int i = 0; i < n_rows * n_panels * panel_width; i += 16) store(sums + i, F32x16());
}

/// each_block for weights of 8 or 4 bits: multiply<element>(sums, rows, panels) adds to sums that
/// are 0.
template <class Multiply>
inline void each_quantized_block(float* out, std::ptrdiff_t out_stride, const PackedMatrix& weights,
                                 const float* bias, Range rows, Range panels,
                                 const Multiply& multiply) {
  each_block(out, out_stride, weights, bias, rows, panels, [&](float* sums, Range r, Range p) {
    clear_sums(sums, r.size(), p.size());
    if (weights.element == Element::int8) {
      multiply.template operator()<Element::int8>(sums, r, p);
    } else {
      multiply.template operator()<Element::int4>(sums, r, p);
    }
  });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
