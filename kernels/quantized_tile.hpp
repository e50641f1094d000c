// The inner loop of quantized_matmul, for AVX2 and for AVX-512 with VNNI. A tile is some rows times
// two vectors of columns. Only *_cpu.cpp files include this.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/quantize_rows.hpp"
#include "kernels/simd.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

#ifdef __AVX512F__

/// A whole panel: columns 0-15 and 16-31.
inline constexpr int quantized_tile_rows = 12;
constexpr int tiles_a_panel(Element) {
  return 1;
}

/// Tiles of a panel that are computed together.
constexpr int tiles_at_once(Element, int) {
  return 1;
}

/// t0 += w0 * a, t1 += w1 * a with a four inputs of a row; vpdpbusd multiplies unsigned bytes with
/// signed ones and adds four products to each sum. In assembler, since GCC 12 loads the inputs of
/// all steps and rows ahead, for which it spills the sums: twelve rows ran at half the speed.
NANOFLOW_INLINE void add_products(__m512i& t0, __m512i& t1, __m512i w0, __m512i w1,
                                  const std::int8_t* a) {
  asm("vpdpbusd %[a]%{1to16%}, %[w0], %[t0]\n\t"
      "vpdpbusd %[a]%{1to16%}, %[w1], %[t1]"
      : [t0] "+v"(t0), [t1] "+v"(t1)
      : [w0] "v"(w0), [w1] "v"(w1), [a] "m"(*reinterpret_cast<const std::int32_t*>(a)));
}

template <int rows, int n_tiles, Element element>
NANOFLOW_INLINE void tile_group(float* sums, const QuantizedRows& in, const std::uint8_t* group,
                                int) {
  __m512i t[rows][2];
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) {
    const int start = element == Element::int8 ? in.starts[r] : 0;
    t[r][0] = t[r][1] = _mm512_set1_epi32(start);
  }
  for (int step = 0; step < steps_a_group; ++step) {
    const std::uint8_t* w = group + static_cast<std::size_t>(step) * step_bytes(element);
    __m512i w0 = _mm512_loadu_si512(w), w1;
    if constexpr (element == Element::int8) {
      w1 = _mm512_loadu_si512(w + 64);
    } else {
      const __m512i nibble = _mm512_set1_epi8(15);
      w1 = _mm512_and_si512(_mm512_srli_epi16(w0, 4), nibble);
      w0 = _mm512_and_si512(w0, nibble);
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r)
      add_products(t[r][0], t[r][1], w0, w1, in.values + r * group_inputs + step * step_inputs);
  }
  const std::uint8_t* halves = group + steps_a_group * step_bytes(element);
  const F32x16 scale0 = load_f16(halves, 0), scale1 = load_f16(halves, 1);
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) {
    float* to = sums + r * panel_width;
    const F32x16 scale(in.scales[r]);
    F32x16 sum0 = fma(F32x16(_mm512_cvtepi32_ps(t[r][0])), scale0 * scale, load(to));
    F32x16 sum1 = fma(F32x16(_mm512_cvtepi32_ps(t[r][1])), scale1 * scale, load(to + 16));
    if constexpr (element == Element::int4) {
      const F32x16 offset(in.offsets[r]);
      sum0 = fma(load_f16(halves, 2), offset, sum0);
      sum1 = fma(load_f16(halves, 3), offset, sum1);
    }
    store(to, sum0);
    store(to + 16, sum1);
  }
}

#else

/// int4: columns 0-7 and 16-23, or 8-15 and 24-31. int8: eight columns, whose low and high nibbles
/// are multiplied apart, since vpmaddubsw saturates at 16 bits: nibbles times signed bytes fit even
/// after a whole group.
inline constexpr int quantized_tile_rows = 6;
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

/// A group's scales and minimums for the columns of one tile: converted once, for all rows.
template <Element element>
struct TileScales {
  static constexpr int n = element == Element::int8 ? 1 : 4;
  __m256 of[n];  // int4: two scales, two minimums

  NANOFLOW_INLINE TileScales(const std::uint8_t* halves, int column) {
#pragma GCC unroll 4
    for (int i = 0; i < n; ++i) {
      const auto* at = reinterpret_cast<const __m128i*>(halves + 2 * (column + 16 * i));
      of[i] = _mm256_cvtph_ps(_mm_loadu_si128(at));
    }
  }
};

NANOFLOW_INLINE void add_scaled(float* sums, __m256i t, __m256 factor) {
  _mm256_storeu_ps(sums, _mm256_fmadd_ps(_mm256_cvtepi32_ps(t), factor, _mm256_loadu_ps(sums)));
}
NANOFLOW_INLINE void add_scaled(float* sums, __m256i t, __m256 factor, __m256 minimum,
                                __m256 offset) {
  const __m256 sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(t), factor, _mm256_loadu_ps(sums));
  _mm256_storeu_ps(sums, _mm256_fmadd_ps(minimum, offset, sum));
}

/// What a row's sums of one tile and group add to its outputs.
template <Element element>
NANOFLOW_INLINE void add_group(float* sums, __m256i low, __m256i high, float row_scale,
                               float row_offset, std::int32_t row_start,
                               const TileScales<element>& scales) {
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i t0 = _mm256_madd_epi16(low, ones), t1 = _mm256_madd_epi16(high, ones);
  const __m256 scale = _mm256_set1_ps(row_scale);
  if constexpr (element == Element::int8) {
    const __m256i t = _mm256_add_epi32(_mm256_slli_epi32(t1, 4), t0);
    add_scaled(sums, _mm256_add_epi32(t, _mm256_set1_epi32(row_start)),
               _mm256_mul_ps(scales.of[0], scale));
  } else {
    const __m256 offset = _mm256_set1_ps(row_offset);
    add_scaled(sums, t0, _mm256_mul_ps(scales.of[0], scale), scales.of[2], offset);
    add_scaled(sums + 16, t1, _mm256_mul_ps(scales.of[1], scale), scales.of[3], offset);
  }
}

template <int rows, int n_tiles, Element element>
NANOFLOW_INLINE void tile_group(float* sums, const QuantizedRows& in, const std::uint8_t* group,
                                int tile) {
  const __m256i nibble = _mm256_set1_epi8(15);
  __m256i low[rows][n_tiles], high[rows][n_tiles];
#pragma GCC unroll 6
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int t = 0; t < n_tiles; ++t) low[r][t] = high[r][t] = _mm256_setzero_si256();
  }
#pragma GCC unroll 8
  for (int step = 0; step < steps_a_group; ++step) {
#pragma GCC unroll 4
    for (int t = 0; t < n_tiles; ++t) {
      const std::uint8_t* at =
          group + static_cast<std::size_t>(step) * step_bytes(element) + (tile + t) * 32;
      const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
      const __m256i w0 = _mm256_and_si256(w, nibble);
      const __m256i w1 = _mm256_and_si256(_mm256_srli_epi16(w, 4), nibble);
#pragma GCC unroll 6
      for (int r = 0; r < rows; ++r) {
        add_products(low[r][t], high[r][t], w0, w1,
                     in.values + r * group_inputs + step * step_inputs);
      }
    }
  }
  const std::uint8_t* halves = group + steps_a_group * step_bytes(element);
#pragma GCC unroll 4
  for (int t = 0; t < n_tiles; ++t) {
    const int column = 8 * (tile + t);
    const TileScales<element> weight_scales(halves, column);
#pragma GCC unroll 6
    for (int r = 0; r < rows; ++r) {
      add_group<element>(sums + r * panel_width + column, low[r][t], high[r][t], in.scales[r],
                         in.offsets[r], in.starts[r], weight_scales);
    }
  }
}

#endif

}  // namespace nanoflow::kernels::NANOFLOW_ISA
