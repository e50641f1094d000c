// The inner loop of attention's products with int8 pages: sums of products of 8-bit numbers with
// 16-bit ones, exact in 32 bits. Only *_cpu.cpp files include this.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/kv_pages.hpp"
#include "kernels/panel_tile.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

// Words are 32 bits of as many columns as a register has; a tile is some rows times two registers.
#ifdef __AVX512F__

using Words = __m512i;
inline constexpr int quad_tile_rows = 12;

NANOFLOW_INLINE Words load_bytes(const void* p) {
  return _mm512_loadu_si512(p);
}
NANOFLOW_INLINE void store_bytes(void* p, Words x) {
  _mm512_storeu_si512(p, x);
}
NANOFLOW_INLINE Words broadcast(std::int32_t x) {
  return _mm512_set1_epi32(x);
}
/// Bytes 0 and 2, or 1 and 3, of each word, widened to 16 bits.
NANOFLOW_INLINE Words even_bytes(Words x) {
  return _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8);
}
NANOFLOW_INLINE Words odd_bytes(Words x) {
  return _mm512_srai_epi16(x, 8);
}
/// sum + the two products of 16-bit numbers, in each word.
NANOFLOW_INLINE Words add_products(Words sum, Words x, Words y) {
  return _mm512_dpwssd_epi32(sum, x, y);
}

#else

using Words = __m256i;
inline constexpr int quad_tile_rows = 4;

NANOFLOW_INLINE Words load_bytes(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
NANOFLOW_INLINE void store_bytes(void* p, Words x) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), x);
}
NANOFLOW_INLINE Words broadcast(std::int32_t x) {
  return _mm256_set1_epi32(x);
}
/// Bytes 0 and 2, or 1 and 3, of each word, widened to 16 bits.
NANOFLOW_INLINE Words even_bytes(Words x) {
  return _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8);
}
NANOFLOW_INLINE Words odd_bytes(Words x) {
  return _mm256_srai_epi16(x, 8);
}
/// sum + the two products of 16-bit numbers, in each word.
NANOFLOW_INLINE Words add_products(Words sum, Words x, Words y) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(x, y));
}

#endif

inline constexpr int word_columns = sizeof(Words) / sizeof(std::int32_t);

NANOFLOW_INLINE std::int32_t two_inputs(const std::int16_t* in) {
  std::int32_t two;
  __builtin_memcpy(&two, in, sizeof two);
  return two;
}

/// accumulate_quads for the columns of two registers, and a number of rows known when compiled.
template <int rows, class Next>
inline void accumulate_quad_tile(std::int32_t* out, std::ptrdiff_t out_stride,
                                 const std::int16_t* in, std::ptrdiff_t in_stride,
                                 const std::int8_t* panel, int n_quads, Next ahead) {
  Words sums[rows][2];
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) {
    sums[r][0] = load_bytes(out + r * out_stride);
    sums[r][1] = load_bytes(out + r * out_stride + word_columns);
  }
  for (int quad = 0; quad < n_quads; ++quad, panel += panel_width * kv_quad, in += kv_quad) {
    ahead.ask(2 * quad);
    ahead.ask(2 * quad + 1);
    const Words x0 = load_bytes(panel), x1 = load_bytes(panel + sizeof(Words));
    const Words even0 = even_bytes(x0), even1 = even_bytes(x1);
    const Words odd0 = odd_bytes(x0), odd1 = odd_bytes(x1);
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r) {
      const Words y = broadcast(two_inputs(in + r * in_stride));
      sums[r][0] = add_products(sums[r][0], even0, y);
      sums[r][1] = add_products(sums[r][1], even1, y);
    }
#pragma GCC unroll 12
    for (int r = 0; r < rows; ++r) {
      const Words y = broadcast(two_inputs(in + r * in_stride + 2));
      sums[r][0] = add_products(sums[r][0], odd0, y);
      sums[r][1] = add_products(sums[r][1], odd1, y);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < rows; ++r) {
    store_bytes(out + r * out_stride, sums[r][0]);
    store_bytes(out + r * out_stride + word_columns, sums[r][1]);
  }
}

/// accumulate_quads for n_rows <= rows.
template <int rows, class Next>
inline void accumulate_quad_rows(int n_rows, std::int32_t* out, std::ptrdiff_t out_stride,
                                 const std::int16_t* in, std::ptrdiff_t in_stride,
                                 const std::int8_t* panel, int n_quads, Next ahead) {
  if constexpr (rows > 1) {
    if (n_rows < rows) {
      return accumulate_quad_rows<rows - 1>(n_rows, out, out_stride, in, in_stride, panel, n_quads,
                                            ahead);
    }
  }
  accumulate_quad_tile<rows>(out, out_stride, in, in_stride, panel, n_quads, ahead);
  if constexpr (2 * word_columns < panel_width) {
    accumulate_quad_tile<rows>(out + 2 * word_columns, out_stride, in, in_stride,
                               panel + 2 * sizeof(Words), n_quads, NothingAhead());
  }
}

/// out[r][0 .. 31] += sum of in[r][k] * panel[k][0 .. 31]. out: int32, in: int16, panel:
/// [n_quads][32][4] bytes in the order of kv_pages.hpp.
template <class Next>
inline void accumulate_quads(std::int32_t* out, std::ptrdiff_t out_stride, const std::int16_t* in,
                             std::ptrdiff_t in_stride, const std::int8_t* panel, int n_quads,
                             int n_rows, Next ahead) {
  each_tile<quad_tile_rows>(n_rows, [&](int first, int n) {
    accumulate_quad_rows<quad_tile_rows>(n, out + first * out_stride, out_stride,
                                         in + first * in_stride, in_stride, panel, n_quads, ahead);
  });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
