// As matmul_cpu.cpp: a slice of a panel stays in the first-level cache while tiles of rows pass
// over it, and the sums wait in memory between groups. A few rows read whole panels, in the order
// of memory.
#include "kernels/quantized_matmul.hpp"

#include "kernels/matmul_block.hpp"
#include "kernels/quantized_tile.hpp"
#include "kernels/weights_ahead.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

constexpr int few_rows = 3;
constexpr int slice_spans = 16;  // 20 KiB of int4, of which a tile reads half; 33 of int8

/// Some spans of a panel, and what is asked for while they are multiplied.
struct Slice {
  const std::uint8_t* data;
  int n_groups;
  WeightsAhead* weights;
  PagesAhead* pages;  // or null
};

/// Tiles of a slice, `at_once` together, for a number of rows known when compiled.
template <int rows, int at_once, Element element>
void multiply_tiles(float* sums, const QuantizedRows& in, Slice slice, Range tiles) {
  for (int g = 0; g < slice.n_groups; g += groups_a_span) {
    const int n_groups = smaller(groups_a_span, slice.n_groups - g);
    const QuantizedRows rows_in = in.from(0, g / groups_a_span);
    for (int tile = tiles.begin; tile < tiles.end; tile += at_once)
      tile_span<rows, at_once, element>(sums, rows_in, slice.data, n_groups, tile);
    slice.weights->ask();
    if (slice.pages) slice.pages->ask(rows);  // in a 32nd of the products' cycles
    slice.data += groups_bytes(element, groups_a_span);
    forget_registers();
  }
}

/// Few rows: all tiles of the slice, so that the weights are streamed once.
template <int rows, Element element>
void multiply_few(int n_rows, float* sums, const QuantizedRows& in, Slice slice) {
  if constexpr (rows > 1) {
    if (n_rows < rows) return multiply_few<rows - 1, element>(n_rows, sums, in, slice);
  }
  multiply_tiles<rows, tiles_at_once(element, rows), element>(sums, in, slice,
                                                              {0, tiles_a_panel(element)});
}

/// One tile of the slice, for n_rows <= rows.
template <int rows, Element element>
void multiply_rows(int n_rows, float* sums, const QuantizedRows& in, Slice slice, int tile) {
  if constexpr (rows > 1) {
    if (n_rows < rows) return multiply_rows<rows - 1, element>(n_rows, sums, in, slice, tile);
  }
  multiply_tiles<rows, 1, element>(sums, in, slice, {tile, tile + 1});
}

/// A slice of a panel, from first_span on. Many rows: as much of it as a tile reads stays in the
/// first-level cache while they pass over it.
template <Element element>
void multiply_slice(float* sums, const QuantizedRows& in, Range rows, int first_span, Slice slice) {
  if (rows.size() <= few_rows)
    return multiply_few<few_rows, element>(rows.size(), sums, in.from(rows.begin, first_span),
                                           slice);
  for (int tile = 0; tile < tiles_a_panel(element); ++tile) {
    each_tile<quantized_tile_rows(element)>(rows.size(), [&](int first, int n) {
      multiply_rows<quantized_tile_rows(element), element>(
          n, sums + first * panel_width, in.from(rows.begin + first, first_span), slice, tile);
    });
  }
}

/// How often a slice's spans are multiplied.
template <Element element>
int n_tile_spans(int n_rows, int n_groups) {
  return n_tiles<quantized_tile_rows(element)>(n_rows) * tiles_a_panel(element) *
         ((n_groups + 1) / groups_a_span);
}

/// sums [panels][n_rows][32]
template <Element element>
void multiply(float* sums, const QuantizedRows& in, const PackedMatrix& weights, Range rows,
              Range panels, PagesAhead* pages) {
  const int n_groups = weights.n_inputs / group_inputs;
  constexpr int in_order = tiles_a_panel(element) == 1 ? streaming_rows : few_rows;
  const int slice_groups = rows.size() <= in_order ? n_groups : slice_spans * groups_a_span;
  for (int group = 0; group < n_groups; group += slice_groups) {
    const int n = smaller(slice_groups, n_groups - group);
    for (int p = panels.begin; p < panels.end; ++p) {
      WeightsAhead ahead;
      if (rows.size() > streaming_rows) {
        const NextSlice next(panels, p, group, slice_groups, n_groups);
        const int n_next = smaller(slice_groups, n_groups - next.first);
        ahead = {packed_span(weights, next.panel, next.first / groups_a_span),
                 groups_bytes(element, n_next), n_tile_spans<element>(rows.size(), n)};
      }
      multiply_slice<element>(sums + (p - panels.begin) * rows.size() * panel_width, in, rows,
                              group / groups_a_span,
                              {packed_span(weights, p, group / groups_a_span), n, &ahead, pages});
    }
  }
}

}  // namespace

void quantized_matmul(float* out, std::ptrdiff_t out_stride, const QuantizedRows& in,
                      const PackedMatrix& weights, const float* bias, Range rows, Range panels,
                      PagesAhead* ahead) {
  each_quantized_block(out, out_stride, weights, bias, rows, panels,
                       [&]<Element element>(float* sums, Range r, Range p) {
                         multiply<element>(sums, in, weights, r, p, ahead);
                       });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
