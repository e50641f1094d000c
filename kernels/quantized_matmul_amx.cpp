// With AMX. A slice of a panel is unpacked into signed bytes once for a block of rows. Then 16 rows
// x 16 outputs at a time: a tile product for each group gives its exact sums, which are scaled and
// added in vector registers, while the next group's product runs.
#include "kernels/amx.hpp"
#include "kernels/matmul_block.hpp"
#include "kernels/quantized_matmul.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

constexpr int few_rows = 4;        // with which unpacking takes longer than it saves
constexpr int slice_groups = 12;   // 16 KiB, beside the rows, in the first-level cache
constexpr int groups_at_once = 3;  // so that tile products and vector instructions overlap
constexpr int half_width = panel_width / 2;
constexpr int row_bytes = half_width * step_inputs;  // of a step

// The tile registers.
constexpr int sums_tile = 0, inputs_tile = 1, weights_tile = 2;

/// Half a panel's groups, unpacked.
struct HalfGroup {
  std::int8_t values[steps_a_group][row_bytes];
  float scales[half_width], minimums[half_width];
};
struct alignas(64) Slice {
  HalfGroup halves[2][slice_groups];
};

template <Element element>
void unpack(Slice& slice, const std::uint8_t* groups, int n_groups) {
  for (int g = 0; g < n_groups; ++g, groups += group_bytes(element)) {
    HalfGroup &left = slice.halves[0][g], &right = slice.halves[1][g];
    for (int step = 0; step < steps_a_group; ++step) {
      const std::uint8_t* from = groups + static_cast<std::size_t>(step) * step_bytes(element);
      __builtin_prefetch(from + slice_groups * group_bytes(element));
      const __m512i w = _mm512_loadu_si512(from);
      if constexpr (element == Element::int8) {
        __builtin_prefetch(from + slice_groups * group_bytes(element) + 64);
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
    const std::uint8_t* halves = groups + steps_a_group * step_bytes(element);
    store(left.scales, load_f16(halves, 0));
    store(right.scales, load_f16(halves, 1));
    if constexpr (element == Element::int4) {
      store(left.minimums, load_f16(halves, 2));
      store(right.minimums, load_f16(halves, 3));
    }
  }
}

struct alignas(64) TileSums {
  std::int32_t values[tile_rows_at_most][half_width];
};

NANOFLOW_INLINE void multiply_group(TileSums& out, const QuantizedRows& in, const HalfGroup& half) {
  tile_zero<sums_tile>();
  tile_load<inputs_tile>(in.values, group_inputs);
  tile_load<weights_tile>(half.values, row_bytes);
  tile_products<sums_tile, inputs_tile, weights_tile>();
  tile_store<sums_tile>(out.values, row_bytes);
}

/// Tiles have n_tile_rows rows, of which the last `rows` are new.
template <int rows, Element element>
void multiply_tile(float* sums, const QuantizedRows& in, const HalfGroup* groups, int n_groups,
                   int lead) {
  TileSums products[groups_at_once];
  F32x16 sum[rows];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) sum[r] = load(sums + r * panel_width);
  for (int first = 0; first < n_groups; first += groups_at_once) {
    const int end = smaller(first + groups_at_once, n_groups);
    for (int g = first; g < end; ++g) multiply_group(products[g - first], in.from(0, g), groups[g]);
    for (int g = first; g < end; ++g) {
      const auto* product = products[g - first].values + lead;
      const QuantizedRows a = in.from(lead, g);
      const F32x16 scale = load(groups[g].scales), minimum = load(groups[g].minimums);
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) {
        const F32x16 t(_mm512_cvtepi32_ps(_mm512_load_si512(product[r])));
        sum[r] = fma(t, scale * F32x16(a.scales[r]), sum[r]);
        if constexpr (element == Element::int4) {
          sum[r] = fma(minimum, F32x16(a.offsets[r]), sum[r]);
        }
      }
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
    for (int g = 0; g < n_groups; g += slice_groups) {
      const int n = smaller(slice_groups, n_groups - g);
      unpack<element>(slice, packed_group(weights, p, g), n);
      each_tile<tile_rows_at_most>(rows.size(), [&](int first, int here) {
        const int lead = n_tile_rows - here;  // rows of the tile before
        for (int half = 0; half < 2; ++half) {
          multiply_rows<tile_rows_at_most, element>(
              here, panel_sums + first * panel_width + half * half_width,
              in.from(rows.begin + first - lead, g), slice.halves[half], n, lead);
        }
      });
    }
  }
}

}  // namespace

void quantized_matmul(float* out, std::ptrdiff_t out_stride, const QuantizedRows& in,
                      const PackedMatrix& weights, const float* bias, Range rows, Range panels) {
  if (rows.size() <= few_rows) {
    return avx512::quantized_matmul(out, out_stride, in, weights, bias, rows, panels);
  }
  each_quantized_block(out, out_stride, weights, bias, rows, panels,
                       [&]<Element element>(float* sums, Range r, Range p) {
                         multiply<element>(sums, in, weights, r, p);
                       });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
