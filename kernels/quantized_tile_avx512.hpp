// quantized_tile.hpp for AVX-512 with VNNI.
#pragma once
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/forget_registers.hpp"
#include "kernels/quantize_rows.hpp"
#include "kernels/simd.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

/// A whole panel: columns 0-15 and 16-31. Of int4, a span's parts stay in registers, too.
constexpr int quantized_tile_rows(Element element) {
  return element == Element::int8 ? 12 : 6;
}
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

/// t += the products of one group.
template <int rows, Element element>
NANOFLOW_INLINE void add_group(__m512i (&t)[rows][2], const std::int8_t* in,
                               const std::uint8_t* group) {
  for (int step = 0; step < steps_a_group; ++step, in += step_inputs) {
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
    for (int r = 0; r < rows; ++r) add_products(t[r][0], t[r][1], w0, w1, in + r * group_inputs);
  }
}

template <int rows>
NANOFLOW_INLINE void int8_span(float* sums, const QuantizedRows& in, const std::uint8_t* span,
                               int n_groups) {
  __m512i t[rows][2];
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) t[r][0] = t[r][1] = _mm512_set1_epi32(in.starts[r]);
  const std::int8_t* values = in.values;
  for (int g = 0; g < n_groups; ++g, values += in.n_rows * group_inputs) {
    add_group<rows, Element::int8>(t, values, span);
    span += group_values_bytes(Element::int8);
  }
  const F32x16 scale0 = load_f16(span, 0), scale1 = load_f16(span, 1);
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) {
    float* to = sums + r * panel_width;
    const F32x16 scale(in.scales[r]);
    store(to, fma(F32x16(_mm512_cvtepi32_ps(t[r][0])), scale0 * scale, load(to)));
    store(to + 16, fma(F32x16(_mm512_cvtepi32_ps(t[r][1])), scale1 * scale, load(to + 16)));
  }
}

template <int rows>
NANOFLOW_INLINE void int4_span(float* sums, const QuantizedRows& in, const std::uint8_t* span,
                               int n_groups) {
  F32x16 part[rows][2];
  const std::int8_t* values = in.values;
  const float* row_sums = in.sums;
  for (int g = 0; g < n_groups; ++g) {
    __m512i t[rows][2];
#pragma GCC unroll 6
    for (int r = 0; r < rows; ++r) t[r][0] = t[r][1] = _mm512_setzero_si512();
    add_group<rows, Element::int4>(t, values, span);
    const std::uint8_t* halves = span + group_values_bytes(Element::int4);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const F32x16 scale = load_f16(halves, half), minimum = load_f16(halves, 2 + half);
#pragma GCC unroll 6
      for (int r = 0; r < rows; ++r) {
        const F32x16 sum(_mm512_cvtepi32_ps(t[r][half]));
        part[r][half] = fma(minimum, F32x16(row_sums[r]), fma(sum, scale, part[r][half]));
      }
    }
    span += groups_bytes(Element::int4, 1);
    values += in.n_rows * group_inputs;
    row_sums += in.n_rows;
    forget_registers();
  }
#pragma GCC unroll 6
  for (int r = 0; r < rows; ++r) {
    float* to = sums + r * panel_width;
    const F32x16 scale(in.scales[r]);
    store(to, fma(part[r][0], scale, load(to)));
    store(to + 16, fma(part[r][1], scale, load(to + 16)));
  }
}

template <int rows, int n_tiles, Element element>
NANOFLOW_INLINE void tile_span(float* sums, const QuantizedRows& in, const std::uint8_t* span,
                               int n_groups, int) {
  if constexpr (element == Element::int8) {
    int8_span<rows>(sums, in, span, n_groups);
  } else {
    int4_span<rows>(sums, in, span, n_groups);
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
