// With AMX. A slice of a panel is unpacked into signed bytes once for a block of rows. Then 16 rows
// x 16 outputs at a time: tile products give exact sums, of a group in 4 bits and of a span in 8,
// which are scaled and added in vector registers.
#include "kernels/amx.hpp"
#include "kernels/matmul_block.hpp"
#include "kernels/quantized_matmul.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

constexpr int few_rows = 4;     // with which unpacking takes longer than it saves
constexpr int slice_spans = 6;  // 16 KiB, beside the rows, in the first-level cache
constexpr int slice_groups = slice_spans * groups_a_span;
constexpr int half_width = panel_width / 2;
constexpr int row_bytes = half_width * step_inputs;  // of a step

// The tile registers.
constexpr int sums_tile = 0, inputs_tile = 1, weights_tile = 2;

/// Half a panel's groups, unpacked; of int8, a span's first group has the span's scales.
struct HalfGroup {
  std::int8_t values[steps_a_group][row_bytes];
  float scales[half_width], minimums[half_width];
};
struct alignas(64) Slice {
  HalfGroup halves[2][slice_groups];
};

template <Element element>
void unpack_values(HalfGroup& left, HalfGroup& right, const std::uint8_t* group) {
  constexpr std::size_t ahead = groups_bytes(element, slice_groups);
  for (int step = 0; step < steps_a_group; ++step) {
    const std::uint8_t* from = group + static_cast<std::size_t>(step) * step_bytes(element);
    __builtin_prefetch(from + ahead);
    const __m512i w = _mm512_loadu_si512(from);
    if constexpr (element == Element::int8) {
      __builtin_prefetch(from + ahead + 64);
      const __m512i start = _mm512_set1_epi8(-128);  // u - 128, as a signed byte
      _mm512_store_si512(left.values[step], _mm512_xor_si512(w, start));
      _mm512_store_si512(right.values[step],
                         _mm512_xor_si512(_mm512_loadu_si512(from + 64), start));
    } else {
      const __m512i nibble = _mm512_set1_epi8(15);
      _mm512_store_si512(left.values[step], _mm512_and_si512(w, nibble));
      _mm512_store_si512(right.values[step], _mm512_and_si512(_mm512_srli_epi16(w, 4), nibble));
    }
  }
}

template <Element element>
void unpack(Slice& slice, const std::uint8_t* from, int n_groups) {
  for (int g = 0; g < n_groups; ++g) {
    HalfGroup &left = slice.halves[0][g], &right = slice.halves[1][g];
    unpack_values<element>(left, right, from);
    from += group_values_bytes(element);
    if constexpr (element == Element::int4) {
      store(left.scales, load_f16(from, 0));
      store(right.scales, load_f16(from, 1));
      store(left.minimums, load_f16(from, 2));
      store(right.minimums, load_f16(from, 3));
      from += scale_bytes(element);
    } else if (g % groups_a_span == groups_a_span - 1 || g == n_groups - 1) {
      const int first = g / groups_a_span * groups_a_span;
      store(slice.halves[0][first].scales, load_f16(from, 0));
      store(slice.halves[1][first].scales, load_f16(from, 1));
      from += scale_bytes(element);
    }
  }
}

struct alignas(64) TileSums {
  std::int32_t values[tile_rows_at_most][half_width];
};

/// A tile's products with n groups.
NANOFLOW_INLINE void multiply_groups(TileSums& out, const std::int8_t* in, int n_rows,
                                     const HalfGroup* groups, int n) {
  tile_zero<sums_tile>();
  for (int g = 0; g < n; ++g) {
    tile_load<inputs_tile>(in + static_cast<std::ptrdiff_t>(g) * n_rows * group_inputs,
                           group_inputs);
    tile_load<weights_tile>(groups[g].values, row_bytes);
    tile_products<sums_tile, inputs_tile, weights_tile>();
  }
  tile_store<sums_tile>(out.values, row_bytes);
}

NANOFLOW_INLINE F32x16 load_sums(const std::int32_t* p) {
  return F32x16(_mm512_cvtepi32_ps(_mm512_load_si512(p)));
}

// What a span adds to the sums of `rows` rows. The tiles have rows from a.values on, of which the
// last `rows` are new, behind `lead` others.

template <int rows>
NANOFLOW_INLINE void add_int8_span(F32x16 (&sum)[rows], const QuantizedRows& a,
                                   const HalfGroup* groups, int n_groups, int lead) {
  TileSums products;
  multiply_groups(products, a.values, a.n_rows, groups, n_groups);
  const F32x16 scale = load(groups[0].scales);
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r)
    sum[r] = fma(load_sums(products.values[lead + r]), scale * F32x16(a.scales[lead + r]), sum[r]);
}

template <int rows>
NANOFLOW_INLINE void add_int4_span(F32x16 (&sum)[rows], const QuantizedRows& a,
                                   const HalfGroup* groups, int n_groups, int lead) {
  TileSums products[groups_a_span];
  for (int g = 0; g < n_groups; ++g) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(g) * a.n_rows;
    multiply_groups(products[g], a.values + at * group_inputs, a.n_rows, groups + g, 1);
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    F32x16 part;
    for (int g = 0; g < n_groups; ++g) {
      const float row_sum = a.sums[static_cast<std::ptrdiff_t>(g) * a.n_rows + lead + r];
      part = fma(load_sums(products[g].values[lead + r]), load(groups[g].scales), part);
      part = fma(load(groups[g].minimums), F32x16(row_sum), part);
    }
    sum[r] = fma(part, F32x16(a.scales[lead + r]), sum[r]);
  }
}

template <int rows, Element element>
void multiply_tile(float* sums, const QuantizedRows& in, const HalfGroup* groups, int n_groups,
                   int lead) {
  F32x16 sum[rows];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) sum[r] = load(sums + r * panel_width);
  for (int first = 0; first < n_groups; first += groups_a_span) {
    const QuantizedRows a = in.from(0, first / groups_a_span);
    const int n = smaller(groups_a_span, n_groups - first);
    if constexpr (element == Element::int8) {
      add_int8_span<rows>(sum, a, groups + first, n, lead);
    } else {
      add_int4_span<rows>(sum, a, groups + first, n, lead);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) store(sums + r * panel_width, sum[r]);
}

template <int rows, Element element>
void multiply_rows(int n_rows, float* sums, const QuantizedRows& in, const HalfGroup* groups,
                   int n_groups, int lead) {
  if constexpr (rows > 1) {
    if (n_rows < rows)
      return multiply_rows<rows - 1, element>(n_rows, sums, in, groups, n_groups, lead);
  }
  multiply_tile<rows, element>(sums, in, groups, n_groups, lead);
}

/// sums [panels][n_rows][32]
template <Element element>
void multiply(float* sums, const QuantizedRows& in, const PackedMatrix& weights, Range rows,
              Range panels) {
  const int n_tile_rows = largest_tile<tile_rows_at_most>(rows.size());
  TileConfiguration configuration;
  configuration.set(sums_tile, n_tile_rows, row_bytes);
  configuration.set(inputs_tile, n_tile_rows, group_inputs);
  configuration.set(weights_tile, steps_a_group, row_bytes);
  const TilesInUse in_use(configuration);
  Slice slice;
  const int n_groups = weights.n_inputs / group_inputs;
  for (int p = panels.begin; p < panels.end; ++p) {
    float* panel_sums = sums + (p - panels.begin) * rows.size() * panel_width;
    for (int span = 0; span < n_spans(weights.n_inputs); span += slice_spans) {
      const int n = smaller(slice_groups, n_groups - span * groups_a_span);
      unpack<element>(slice, packed_span(weights, p, span), n);
      each_tile<tile_rows_at_most>(rows.size(), [&](int first, int here) {
        const int lead = n_tile_rows - here;  // rows of the tile before
        for (int half = 0; half < 2; ++half) {
          multiply_rows<tile_rows_at_most, element>(
              here, panel_sums + first * panel_width + half * half_width,
              in.from(rows.begin + first - lead, span), slice.halves[half], n, lead);
        }
      });
    }
  }
}

}  // namespace

void quantized_matmul(float* out, std::ptrdiff_t out_stride, const QuantizedRows& in,
                      const PackedMatrix& weights, const float* bias, Range rows, Range panels,
                      PagesAhead* ahead) {
  if (rows.size() <= few_rows) {
    return avx512::quantized_matmul(out, out_stride, in, weights, bias, rows, panels, ahead);
  }
  each_quantized_block(out, out_stride, weights, bias, rows, panels,
                       [&]<Element element>(float* sums, Range r, Range p) {
                         multiply<element>(sums, in, weights, r, p);
                       });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
