// quad_tile.hpp for AVX-512 with VNNI, whose instruction multiplies unsigned bytes with signed
// ones, four to a word. So a number of 16 bits is two bytes, 256 * high + low, each with sums of
// its own: a quad of four numbers lies as their high bytes, then their low ones, both in the order
// of a page's bytes (kv_pages.hpp).
#pragma once
#include <immintrin.h>

#include <cstdint>

#include "kernels/kv_pages.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

using Words = __m512i;
inline constexpr int quad_tile_rows = 6;

NANOFLOW_INLINE Words load_bytes(const void* p) {
  return _mm512_loadu_si512(p);
}

/// Sums of sixteen columns.
struct I32x16 {
  Words v;
};
NANOFLOW_INLINE I32x16 load_integers(const void* p) {
  return {load_bytes(p)};
}
NANOFLOW_INLINE void store_integers(void* p, I32x16 x) {
  _mm512_storeu_si512(p, x.v);
}
NANOFLOW_INLINE I32x16 operator+(I32x16 a, I32x16 b) {
  return {_mm512_add_epi32(a.v, b.v)};
}
NANOFLOW_INLINE I32x16 all_lanes(std::int32_t x) {
  return {_mm512_set1_epi32(x)};
}
NANOFLOW_INLINE F32x16 to_floats(I32x16 x) {
  return F32x16(_mm512_cvtepi32_ps(x.v));
}
/// Sixteen numbers rounded to nearest, ties to even; what is too large becomes the largest.
NANOFLOW_INLINE __m256i to_16_bits(F32x16 x) {
  return _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(x.v));
}

/// Four quads as a product takes them, of numbers that are not negative: the bytes are unsigned.
NANOFLOW_INLINE __m256i weight_quads(__m256i numbers) {
  const __m128i order = _mm_setr_epi8(1, 5, 3, 7, 0, 4, 2, 6, 9, 13, 11, 15, 8, 12, 10, 14);
  return _mm256_shuffle_epi8(numbers, _mm256_broadcastsi128_si256(order));
}
/// Of numbers between plus and minus 127 * 256 + 127: the bytes are signed.
NANOFLOW_INLINE __m256i query_quads(__m256i numbers) {
  const __m256i rounded = _mm256_add_epi16(numbers, _mm256_set1_epi16(128));
  return weight_quads(
      _mm256_mask_blend_epi8(0x55555555U, rounded, numbers));  // low bytes as they are
}

/// Words of 32 columns, as a page has them.
struct PanelWords {
  Words x0, x1;
  template <bool keys>
  NANOFLOW_INLINE static PanelWords load(const void* p) {
    return {load_bytes(p), load_bytes(static_cast<const char*>(p) + sizeof(Words))};
  }
};

/// s0 and s1 += products of bytes. In assembler, as in quantized_tile_avx512.hpp: GCC 12 loads the
/// inputs ahead, and spills the sums. Keys are unsigned, which a query's signed bytes multiply;
/// values are signed, and weights unsigned.
template <bool keys>
NANOFLOW_INLINE void add_products(Words& s0, Words& s1, const PanelWords& panel,
                                  const std::int16_t* in) {
  const auto& four = *reinterpret_cast<const std::int32_t*>(in);
  if constexpr (keys) {
    asm("vpdpbusd %[in]%{1to16%}, %[x0], %[s0]\n\t"
        "vpdpbusd %[in]%{1to16%}, %[x1], %[s1]"
        : [s0] "+v"(s0), [s1] "+v"(s1)
        : [x0] "v"(panel.x0), [x1] "v"(panel.x1), [in] "m"(four));
  } else {
    Words w;
    asm("vpbroadcastd %[in], %[w]\n\t"
        "vpdpbusd %[x0], %[w], %[s0]\n\t"
        "vpdpbusd %[x1], %[w], %[s1]"
        : [s0] "+v"(s0), [s1] "+v"(s1), [w] "=&v"(w)
        : [x0] "v"(panel.x0), [x1] "v"(panel.x1), [in] "m"(four));
  }
}

/// The sums of some rows times 32 columns, one row and those after it: of an array GCC 12 keeps a
/// copy on the stack, to which it stores after every product.
template <int rows>
struct QuadSums {
  Words high0, high1, low0, low1;
  QuadSums<rows - 1> rest;

  NANOFLOW_INLINE void clear() {
    high0 = high1 = low0 = low1 = Words();
    rest.clear();
  }
  template <bool keys, int next_row>
  NANOFLOW_INLINE void add(const PanelWords& panel, const std::int16_t* in) {
    add_products<keys>(high0, high1, panel, in);
    add_products<keys>(low0, low1, panel, in + 2);
    rest.template add<keys, next_row>(panel, in + next_row);
  }
  template <class Put>
  NANOFLOW_INLINE void put(int row, int column, const Put& to) const {
    to(row, column, I32x16{_mm512_add_epi32(_mm512_slli_epi32(high0, 8), low0)});
    to(row, column + 16, I32x16{_mm512_add_epi32(_mm512_slli_epi32(high1, 8), low1)});
    rest.put(row + 1, column, to);
  }
};

}  // namespace nanoflow::kernels::NANOFLOW_ISA
