// quad_tile.hpp for AVX-512 with VNNI, whose instruction multiplies unsigned bytes with signed
// ones, four to a word. So a weight of 16 bits is two bytes, 256 * high + low, each with sums of
// its own: a quad of four weights lies as their high bytes, then their low ones, and a quad of
// queries as four bytes, all in the order of a page's bytes (kv_pages.hpp).
#pragma once
#include <immintrin.h>

#include <cstdint>

#include "kernels/kv_pages.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

using Words = __m512i;
template <bool keys, int rows>
struct QuadSums;
using QueryNumber = std::int8_t;  // as products take it
constexpr int quad_tile_rows(bool keys) {
  return keys ? 12 : 6;
}

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
/// Writes sixteen numbers of a query, each in 8 bits, as four quads, `stride` numbers apart.
NANOFLOW_INLINE void store_queries(QueryNumber* to, std::ptrdiff_t stride, __m256i numbers) {
  const __m128i order = _mm_setr_epi8(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15);
  alignas(16) std::int32_t quads[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(quads),
                  _mm_shuffle_epi8(_mm256_cvtepi16_epi8(numbers), order));
  for (int i = 0; i < 4; ++i) __builtin_memcpy(to + i * stride, quads + i, sizeof *quads);
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
NANOFLOW_INLINE void add_key_products(Words& s0, Words& s1, const PanelWords& panel,
                                      const void* in) {
  asm("vpdpbusd %[in]%{1to16%}, %[x0], %[s0]\n\t"
      "vpdpbusd %[in]%{1to16%}, %[x1], %[s1]"
      : [s0] "+v"(s0), [s1] "+v"(s1)
      : [x0] "v"(panel.x0), [x1] "v"(panel.x1), [in] "m"(*static_cast<const std::int32_t*>(in)));
}
NANOFLOW_INLINE void add_value_products(Words& s0, Words& s1, const PanelWords& panel,
                                        const void* in) {
  Words w;
  asm("vpbroadcastd %[in], %[w]\n\t"
      "vpdpbusd %[x0], %[w], %[s0]\n\t"
      "vpdpbusd %[x1], %[w], %[s1]"
      : [s0] "+v"(s0), [s1] "+v"(s1), [w] "=&v"(w)
      : [x0] "v"(panel.x0), [x1] "v"(panel.x1), [in] "m"(*static_cast<const std::int32_t*>(in)));
}

// The sums of some rows times 32 columns, one row and those after it: of an array GCC 12 keeps a
// copy on the stack, to which it stores after every product.

template <int rows>
struct QuadSums<true, rows> {
  Words s0, s1;
  QuadSums<true, rows - 1> rest;

  NANOFLOW_INLINE void clear() {
    s0 = s1 = Words();
    rest.clear();
  }
  template <int next_row>
  NANOFLOW_INLINE void add(const PanelWords& panel, const QueryNumber* in) {
    add_key_products(s0, s1, panel, in);
    rest.template add<next_row>(panel, in + next_row);
  }
  template <class Put>
  NANOFLOW_INLINE void put(int row, int column, const Put& to) const {
    to(row, column, I32x16{s0});
    to(row, column + 16, I32x16{s1});
    rest.put(row + 1, column, to);
  }
};

template <int rows>
struct QuadSums<false, rows> {
  Words high0, high1, low0, low1;
  QuadSums<false, rows - 1> rest;

  NANOFLOW_INLINE void clear() {
    high0 = high1 = low0 = low1 = Words();
    rest.clear();
  }
  template <int next_row>
  NANOFLOW_INLINE void add(const PanelWords& panel, const std::int16_t* in) {
    add_value_products(high0, high1, panel, in);
    add_value_products(low0, low1, panel, in + 2);
    rest.template add<next_row>(panel, in + next_row);
  }
  template <class Put>
  NANOFLOW_INLINE void put(int row, int column, const Put& to) const {
    to(row, column, I32x16{_mm512_add_epi32(_mm512_slli_epi32(high0, 8), low0)});
    to(row, column + 16, I32x16{_mm512_add_epi32(_mm512_slli_epi32(high1, 8), low1)});
    rest.put(row + 1, column, to);
  }
};

}  // namespace nanoflow::kernels::NANOFLOW_ISA
