// quad_tile.hpp for AVX2: a page's bytes are widened to 16 bits, and pairs of neighbours
// multiplied.
#pragma once
#include <immintrin.h>

#include <cstdint>

#include "kernels/kv_pages.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

using Words = __m256i;
template <bool keys, int rows>
struct QuadSums;
using QueryNumber = std::int16_t;  // as products take it
constexpr int quad_tile_rows(bool) {
  return 4;
}

NANOFLOW_INLINE Words load_bytes(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

/// Sums of sixteen columns.
struct I32x16 {
  Words a, b;
};
NANOFLOW_INLINE I32x16 load_integers(const void* p) {
  return {load_bytes(p), load_bytes(static_cast<const char*>(p) + sizeof(Words))};
}
NANOFLOW_INLINE void store_integers(void* p, I32x16 x) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), x.a);
  _mm256_storeu_si256(static_cast<__m256i*>(p) + 1, x.b);
}
NANOFLOW_INLINE I32x16 operator+(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.a, b.a), _mm256_add_epi32(a.b, b.b)};
}
NANOFLOW_INLINE I32x16 all_lanes(std::int32_t x) {
  return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}
NANOFLOW_INLINE F32x16 to_floats(I32x16 x) {
  return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)};
}
/// Sixteen numbers rounded to nearest, ties to even; what is too large becomes the largest.
NANOFLOW_INLINE __m256i to_16_bits(F32x16 x) {
  return _mm256_permute4x64_epi64(
      _mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)), 0xd8);
}

/// Four quads as a product takes them: as they are.
NANOFLOW_INLINE __m256i weight_quads(__m256i numbers) {
  return numbers;
}
/// Writes sixteen numbers of a query as four quads, `stride` numbers apart.
NANOFLOW_INLINE void store_queries(QueryNumber* to, std::ptrdiff_t stride, __m256i numbers) {
  alignas(32) std::int64_t quads[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(quads), numbers);
  for (int i = 0; i < 4; ++i) __builtin_memcpy(to + i * stride, quads + i, sizeof *quads);
}

/// Words of 16 columns, as a page has them, widened: bytes 0 and 2, and bytes 1 and 3, of each.
struct PanelWords {
  Words even0, even1, odd0, odd1;
  /// Keys are unsigned bytes, values signed ones.
  template <bool keys>
  NANOFLOW_INLINE static PanelWords load(const void* p) {
    const Words x0 = load_bytes(p), x1 = load_bytes(static_cast<const char*>(p) + sizeof(Words));
    return {even<keys>(x0), even<keys>(x1), odd<keys>(x0), odd<keys>(x1)};
  }

 private:
  template <bool keys>
  NANOFLOW_INLINE static Words even(Words x) {
    if constexpr (keys) return _mm256_and_si256(x, _mm256_set1_epi16(255));
    return _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8);
  }
  template <bool keys>
  NANOFLOW_INLINE static Words odd(Words x) {
    if constexpr (keys) return _mm256_srli_epi16(x, 8);
    return _mm256_srai_epi16(x, 8);
  }
};

/// s0 += the two products of x0's and `in`'s 16-bit numbers in each word, s1 those of x1.
NANOFLOW_INLINE void add_products(Words& s0, Words& s1, Words x0, Words x1,
                                  const std::int16_t* in) {
  std::int32_t two;
  __builtin_memcpy(&two, in, sizeof two);
  const Words y = _mm256_set1_epi32(two);
  s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(x0, y));
  s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(x1, y));
}

/// The sums of some rows times 16 columns, one row and those after it.
template <bool keys, int rows>
struct QuadSums {
  Words s0, s1;
  QuadSums<keys, rows - 1> rest;

  NANOFLOW_INLINE void clear() {
    s0 = s1 = Words();
    rest.clear();
  }
  template <int next_row>
  NANOFLOW_INLINE void add(const PanelWords& panel, const std::int16_t* in) {
    add_products(s0, s1, panel.even0, panel.even1, in);
    add_products(s0, s1, panel.odd0, panel.odd1, in + 2);
    rest.template add<next_row>(panel, in + next_row);
  }
  template <class Put>
  NANOFLOW_INLINE void put(int row, int column, const Put& to) const {
    to(row, column, I32x16{s0, s1});
    rest.put(row + 1, column, to);
  }
};

}  // namespace nanoflow::kernels::NANOFLOW_ISA
