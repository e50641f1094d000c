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
/// Bytes 0 and 2, or 1 and 3, of each word, widened to 16 bits.
NANOFLOW_INLINE Words even_bytes(Words x) {
  return _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8);
}
NANOFLOW_INLINE Words odd_bytes(Words x) {
  return _mm512_srai_epi16(x, 8);
}
/// s0 += the two products of x0's and `in`'s 16-bit numbers in each word, s1 those of x1. In
/// assembler, as in quantized_tile.hpp: GCC 12 loads the inputs ahead, and spills the sums.
NANOFLOW_INLINE void add_products(Words& s0, Words& s1, Words x0, Words x1,
                                  const std::int16_t* in) {
  asm("vpdpwssd %[in]%{1to16%}, %[x0], %[s0]\n\t"
      "vpdpwssd %[in]%{1to16%}, %[x1], %[s1]"
      : [s0] "+v"(s0), [s1] "+v"(s1)
      : [x0] "v"(x0), [x1] "v"(x1), [in] "m"(*reinterpret_cast<const std::int32_t*>(in)));
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
/// Bytes 0 and 2, or 1 and 3, of each word, widened to 16 bits.
NANOFLOW_INLINE Words even_bytes(Words x) {
  return _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8);
}
NANOFLOW_INLINE Words odd_bytes(Words x) {
  return _mm256_srai_epi16(x, 8);
}
/// s0 += the two products of x0's and `in`'s 16-bit numbers in each word, s1 those of x1.
NANOFLOW_INLINE void add_products(Words& s0, Words& s1, Words x0, Words x1,
                                  const std::int16_t* in) {
  std::int32_t two;
  __builtin_memcpy(&two, in, sizeof two);
  const Words y = _mm256_set1_epi32(two);
  s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(x0, y));
  s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(x1, y));
}

#endif

inline constexpr int word_columns = sizeof(Words) / sizeof(std::int32_t);

/// The sums of some rows times two registers, one row and those after it: of an array GCC 12 keeps a
/// copy on the stack, to which it stores after every product.
template <int rows>
struct QuadSums {
  Words s0, s1;
  QuadSums<rows - 1> rest;

  NANOFLOW_INLINE void load(const std::int32_t* from, std::ptrdiff_t stride) {
    s0 = load_bytes(from);
    s1 = load_bytes(from + word_columns);
    rest.load(from + stride, stride);
  }
  NANOFLOW_INLINE void store(std::int32_t* to, std::ptrdiff_t stride) const {
    store_bytes(to, s0);
    store_bytes(to + word_columns, s1);
    rest.store(to + stride, stride);
  }
  NANOFLOW_INLINE void add(Words x0, Words x1, const std::int16_t* in) {
    add_products(s0, s1, x0, x1, in);
    rest.add(x0, x1, in + kv_quad);
  }
};
template <>
struct QuadSums<0> {
  NANOFLOW_INLINE void load(const std::int32_t*, std::ptrdiff_t) {}
  NANOFLOW_INLINE void store(std::int32_t*, std::ptrdiff_t) const {}
  NANOFLOW_INLINE void add(Words, Words, const std::int16_t*) {}
};

/// accumulate_quads for the columns of two registers, and a number of rows known when compiled.
template <int rows, class Next>
inline void accumulate_quad_tile(std::int32_t* out, std::ptrdiff_t out_stride,
                                 const std::int16_t* in, std::ptrdiff_t in_rows,
                                 const std::int8_t* panel, int n_quads, Next ahead) {
  QuadSums<rows> sums;
  sums.load(out, out_stride);
  for (int quad = 0; quad < n_quads; ++quad) {
    ahead.ask(2 * quad);
    ahead.ask(2 * quad + 1);
    const Words x0 = load_bytes(panel), x1 = load_bytes(panel + sizeof(Words));
    sums.add(even_bytes(x0), even_bytes(x1), in);
    sums.add(odd_bytes(x0), odd_bytes(x1), in + 2);
    panel += panel_width * kv_quad;
    in += in_rows * kv_quad;
  }
  sums.store(out, out_stride);
}

/// accumulate_quads for n_rows <= rows.
template <int rows, class Next>
inline void accumulate_quad_rows(int n_rows, std::int32_t* out, std::ptrdiff_t out_stride,
                                 const std::int16_t* in, std::ptrdiff_t in_rows,
                                 const std::int8_t* panel, int n_quads, Next ahead) {
  if constexpr (rows > 1) {
    if (n_rows < rows) {
      return accumulate_quad_rows<rows - 1>(n_rows, out, out_stride, in, in_rows, panel, n_quads,
                                            ahead);
    }
  }
  accumulate_quad_tile<rows>(out, out_stride, in, in_rows, panel, n_quads, ahead);
  if constexpr (2 * word_columns < panel_width) {
    accumulate_quad_tile<rows>(out + 2 * word_columns, out_stride, in, in_rows,
                               panel + 2 * sizeof(Words), n_quads, NothingAhead());
  }
}

/// out[r][0 .. 31] += sum of in[k / 4][r][k % 4] * panel[k][0 .. 31]. out: int32; in: int16
/// [n_quads][in_rows][4], so that rows lie a known distance apart; panel: [n_quads][32][4] bytes in
/// the order of kv_pages.hpp.
template <class Next>
inline void accumulate_quads(std::int32_t* out, std::ptrdiff_t out_stride, const std::int16_t* in,
                             std::ptrdiff_t in_rows, const std::int8_t* panel, int n_quads,
                             int n_rows, Next ahead) {
  each_tile<quad_tile_rows>(n_rows, [&](int first, int n) {
    accumulate_quad_rows<quad_tile_rows>(n, out + first * out_stride, out_stride,
                                         in + first * kv_quad, in_rows, panel, n_quads, ahead);
  });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
