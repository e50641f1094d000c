// As matmul_cpu.cpp: a slice of a panel stays in the first-level cache while tiles of rows pass
// over it, and the sums wait in memory between groups.
#include "kernels/quantized_matmul.hpp"

#include "kernels/matmul_block.hpp"
#include "kernels/quantized_tile.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

constexpr int few_rows = 3;
constexpr int slice_groups = 32;  // 20 KiB of int4, of which a tile reads half; 34 of int8

/// Tiles of a panel's slice, `at_once` together, for a number of rows known when compiled.
template <int rows, int at_once, Element element>
void multiply_tiles(float* sums, const QuantizedRows& in, const std::uint8_t* groups, int n_groups,
                    Range tiles) {
  for (int g = 0; g < n_groups; ++g, groups += group_bytes(element)) {
    for (int tile = tiles.begin; tile < tiles.end; tile += at_once) {
      tile_group<rows, at_once, element>(sums, in.from(0, g), groups, tile);
    }
    // Else GCC keeps the sums on the stack as well, and stores all twice.
    asm volatile("" : : : "memory");
  }
}

/// Few rows: all tiles of the slice, so that the weights are streamed once.
template <int rows, Element element>
void multiply_few(int n_rows, float* sums, const QuantizedRows& in, const std::uint8_t* groups,
                  int n_groups) {
  if constexpr (rows > 1) {
    if (n_rows < rows) return multiply_few<rows - 1, element>(n_rows, sums, in, groups, n_groups);
  }
  multiply_tiles<rows, tiles_at_once(element, rows), element>(sums, in, groups, n_groups,
                                                              {0, tiles_a_panel(element)});
}

/// One tile of the slice, for n_rows <= rows.
template <int rows, Element element>
void multiply_rows(int n_rows, float* sums, const QuantizedRows& in, const std::uint8_t* groups,
                   int n_groups, int tile) {
  if constexpr (rows > 1) {
    if (n_rows < rows)
      return multiply_rows<rows - 1, element>(n_rows, sums, in, groups, n_groups, tile);
  }
  multiply_tiles<rows, 1, element>(sums, in, groups, n_groups, {tile, tile + 1});
}

/// A slice of a panel, groups [first_group, first_group + n_groups). Many rows: as much of it as a
/// tile reads stays in the first-level cache while they pass over it.
template <Element element>
void multiply_slice(float* sums, const QuantizedRows& in, Range rows, int first_group,
                    const std::uint8_t* groups, int n_groups) {
  if (rows.size() <= few_rows) {
    return multiply_few<few_rows, element>(rows.size(), sums, in.from(rows.begin, first_group),
                                           groups, n_groups);
  }
  for (int tile = 0; tile < tiles_a_panel(element); ++tile) {
    each_tile<quantized_tile_rows>(rows.size(), [&](int first, int n) {
      multiply_rows<quantized_tile_rows, element>(n, sums + first * panel_width,
                                                  in.from(rows.begin + first, first_group), groups,
                                                  n_groups, tile);
    });
  }
}

/// sums [panels][n_rows][32]
template <Element element>
void multiply(float* sums, const QuantizedRows& in, const PackedMatrix& weights, Range rows,
              Range panels) {
  const int n_groups = weights.n_inputs / group_inputs;
  for (int g = 0; g < n_groups; g += slice_groups) {
    for (int p = panels.begin; p < panels.end; ++p) {
      multiply_slice<element>(sums + (p - panels.begin) * rows.size() * panel_width, in, rows, g,
                              packed_group(weights, p, g), smaller(slice_groups, n_groups - g));
    }
  }
}

}  // namespace

void quantized_matmul(float* out, std::ptrdiff_t out_stride, const QuantizedRows& in,
                      const PackedMatrix& weights, const float* bias, Range rows, Range panels) {
  each_quantized_block(out, out_stride, weights, bias, rows, panels,
                       [&]<Element element>(float* sums, Range r, Range p) {
                         multiply<element>(sums, in, weights, r, p);
                       });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
