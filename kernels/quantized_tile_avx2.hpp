// quantized_tile.hpp for AVX2.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/forget_registers.hpp"
#include "kernels/quantize_rows.hpp"
#include "kernels/simd.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

/// int4: columns 0-7 and 16-23, or 8-15 and 24-31. int8: eight columns, whose low and high nibbles
/// are multiplied apart, since vpmaddubsw saturates at 16 bits: nibbles times signed bytes fit even
/// after a whole group.
constexpr int quantized_tile_rows(Element) {
  return 6;
}
constexpr int tiles_a_panel(Element element) {
  return element == Element::int8 ? 4 : 2;
}
/// Tiles of a panel that are computed together. Twelve registers hold the sums; a few rows would
/// leave most of them empty, and read each line of the weights more than once.
constexpr int tiles_at_once(Element element, int rows) {
  if (rows > 3) return 1;
  return rows == 1 ? tiles_a_panel(element) : 2;
}

/// low += w0 * a, high += w1 * a with a four inputs of a row. In assembler, since the sums of six
/// rows leave four registers, and GCC 12 spills sums to load the rows ahead.
NANOFLOW_INLINE void add_products(__m256i& low, __m256i& high, __m256i w0, __m256i w1,
                                  const std::int8_t* a) {
  __m256i x, product;
  asm("vpbroadcastd %[a], %[x]\n\t"
      "vpmaddubsw %[x], %[w0], %[product]\n\t"
      "vpaddw %[product], %[low], %[low]\n\t"
      "vpmaddubsw %[x], %[w1], %[x]\n\t"
      "vpaddw %[x], %[high], %[high]"
      : [low] "+x"(low), [high] "+x"(high), [x] "=&x"(x), [product] "=&x"(product)
      : [w0] "x"(w0), [w1] "x"(w1), [a] "m"(*reinterpret_cast<const std::int32_t*>(a)));
}

/// The products of a group for a tile of eight words: those of the low nibbles, and of the high
/// ones.
template <int rows, int n_tiles>
struct GroupProducts {
  __m256i low[rows][n_tiles], high[rows][n_tiles];

  NANOFLOW_INLINE GroupProducts(const std::int8_t* in, const std::uint8_t* group,
                                std::size_t bytes_a_step, int tile) {
    const __m256i nibble = _mm256_set1_epi8(15);
#pragma GCC unroll 6
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int t = 0; t < n_tiles; ++t) low[r][t] = high[r][t] = _mm256_setzero_si256();
    }
#pragma GCC unroll 8
    for (int step = 0; step < steps_a_group; ++step) {
#pragma GCC unroll 4
      for (int t = 0; t < n_tiles; ++t) {
        const std::uint8_t* at = group + step * bytes_a_step + (tile + t) * 32;
        const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
        const __m256i w0 = _mm256_and_si256(w, nibble);
        const __m256i w1 = _mm256_and_si256(_mm256_srli_epi16(w, 4), nibble);
#pragma GCC unroll 6
        for (int r = 0; r < rows; ++r)
          add_products(low[r][t], high[r][t], w0, w1, in + r * group_inputs + step * step_inputs);
      }
    }
    const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 6
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int t = 0; t < n_tiles; ++t) {
        low[r][t] = _mm256_madd_epi16(low[r][t], ones);
        high[r][t] = _mm256_madd_epi16(high[r][t], ones);
      }
    }
  }
};

NANOFLOW_INLINE __m256 load_eight_f16(const std::uint8_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
/// The exact sums of a span, [rows][n_tiles * 8], wait in memory between its groups.
template <int rows, int n_tiles>
NANOFLOW_INLINE void int8_span(float* sums, const QuantizedRows& in, const std::uint8_t* span,
                               int n_groups, int tile) {
  alignas(32) __m256i t[rows][n_tiles];
  for (int r = 0; r < rows; ++r)
    for (int i = 0; i < n_tiles; ++i) t[r][i] = _mm256_set1_epi32(in.starts[r]);
  const std::int8_t* values = in.values;
  for (int g = 0; g < n_groups; ++g, values += in.n_rows * group_inputs) {
    const GroupProducts<rows, n_tiles> products(values, span, step_bytes(Element::int8), tile);
#pragma GCC unroll 6
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int i = 0; i < n_tiles; ++i) {
        const __m256i high = _mm256_slli_epi32(products.high[r][i], 4);
        t[r][i] = _mm256_add_epi32(t[r][i], _mm256_add_epi32(high, products.low[r][i]));
      }
    }
    span += group_values_bytes(Element::int8);
    forget_registers();
  }
#pragma GCC unroll 4
  for (int i = 0; i < n_tiles; ++i) {
    const int column = 8 * (tile + i);
    const __m256 weight_scale = load_eight_f16(span + 2 * column);
    for (int r = 0; r < rows; ++r) {
      float* to = sums + r * panel_width + column;
      const __m256 factor = _mm256_mul_ps(weight_scale, _mm256_set1_ps(in.scales[r]));
      _mm256_storeu_ps(to,
                       _mm256_fmadd_ps(_mm256_cvtepi32_ps(t[r][i]), factor, _mm256_loadu_ps(to)));
    }
  }
}

/// What a span of int4 gives each row and output, without the row's scale: [rows][32].
template <int rows>
NANOFLOW_INLINE void clear_parts(float* parts) {
  for (int i = 0; i < rows * panel_width; i += 16) store(parts + i, F32x16());
}
/// parts += what a group gives eight columns.
NANOFLOW_INLINE void add_part(float* parts, __m256i t, __m256 scale, __m256 minimum,
                              __m256 row_sum) {
  const __m256 part = _mm256_fmadd_ps(_mm256_cvtepi32_ps(t), scale, _mm256_loadu_ps(parts));
  _mm256_storeu_ps(parts, _mm256_fmadd_ps(minimum, row_sum, part));
}

template <int rows, int n_tiles>
NANOFLOW_INLINE void int4_group(float* parts, const std::int8_t* values, const float* row_sums,
                                const std::uint8_t* group, int tile) {
  const GroupProducts<rows, n_tiles> products(values, group, step_bytes(Element::int4), tile);
  const std::uint8_t* halves = group + group_values_bytes(Element::int4);
#pragma GCC unroll 4
  for (int i = 0; i < n_tiles; ++i) {
    const int column = 8 * (tile + i);
    const auto half = [&](int n) { return load_eight_f16(halves + 2 * (column + 16 * n)); };
    const __m256 scale0 = half(0), scale1 = half(1), minimum0 = half(2), minimum1 = half(3);
#pragma GCC unroll 6
    for (int r = 0; r < rows; ++r) {
      float* to = parts + r * panel_width + column;
      const __m256 row_sum = _mm256_set1_ps(row_sums[r]);
      add_part(to, products.low[r][i], scale0, minimum0, row_sum);
      add_part(to + 16, products.high[r][i], scale1, minimum1, row_sum);
    }
  }
}

/// Columns of n_tiles tiles of int4, from parts into sums.
template <int rows, int n_tiles>
NANOFLOW_INLINE void add_parts(float* sums, const float* parts, const float* scales, int tile) {
  for (int r = 0; r < rows; ++r) {
    const __m256 scale = _mm256_set1_ps(scales[r]);
#pragma GCC unroll 8
    for (int i = 0; i < 2 * n_tiles; ++i) {
      const int at = r * panel_width + 8 * (tile + i / 2) + i % 2 * 16;
      _mm256_storeu_ps(sums + at, _mm256_fmadd_ps(_mm256_loadu_ps(parts + at), scale,
                                                  _mm256_loadu_ps(sums + at)));
    }
  }
}

template <int rows, int n_tiles, Element element>
NANOFLOW_INLINE void tile_span(float* sums, const QuantizedRows& in, const std::uint8_t* span,
                               int n_groups, int tile) {
  if constexpr (element == Element::int8) {
    int8_span<rows, n_tiles>(sums, in, span, n_groups, tile);
  } else {
    alignas(32) float parts[rows * panel_width];
    clear_parts<rows>(parts);
    for (int g = 0; g < n_groups; ++g) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(g) * in.n_rows;
      int4_group<rows, n_tiles>(parts, in.values + at * group_inputs, in.sums + at, span, tile);
      span += groups_bytes(Element::int4, 1);
      forget_registers();
    }
    add_parts<rows, n_tiles>(sums, parts, in.scales, tile);
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
