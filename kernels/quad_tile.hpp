// The inner loop of attention's products with int8 pages: sums of products of 8-bit numbers with
// 16-bit ones, exact in 32 bits. Only *_cpu.cpp files include this.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/kv_pages.hpp"
#include "kernels/lines_ahead.hpp"
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
/// assembler, as in quantized_tile_avx512.hpp: GCC 12 loads the inputs ahead, and spills the sums.
NANOFLOW_INLINE void add_products(Words& s0, Words& s1, Words x0, Words x1,
                                  const std::int16_t* in) {
  asm("vpdpwssd %[in]%{1to16%}, %[x0], %[s0]\n\t"
      "vpdpwssd %[in]%{1to16%}, %[x1], %[s1]"
      : [s0] "+v"(s0), [s1] "+v"(s1)
      : [x0] "v"(x0), [x1] "v"(x1), [in] "m"(*reinterpret_cast<const std::int32_t*>(in)));
}

/// Sums of sixteen columns.
struct I32x16 {
  Words v;
};
NANOFLOW_INLINE I32x16 load_integers(const void* p) {
  return {load_bytes(p)};
}
NANOFLOW_INLINE void store_integers(void* p, I32x16 x) {
  store_bytes(p, x.v);
}
NANOFLOW_INLINE F32x16 to_floats(I32x16 x) {
  return F32x16(_mm512_cvtepi32_ps(x.v));
}
/// put(row, c, sums) for each sixteen of the columns of two registers, the first of which is
/// `column`.
template <class Put>
NANOFLOW_INLINE void put_sixteens(int row, int column, Words s0, Words s1, const Put& put) {
  put(row, column, I32x16{s0});
  put(row, column + 16, I32x16{s1});
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

/// Sums of sixteen columns.
struct I32x16 {
  Words a, b;
};
NANOFLOW_INLINE I32x16 load_integers(const void* p) {
  return {load_bytes(p), load_bytes(static_cast<const char*>(p) + sizeof(Words))};
}
NANOFLOW_INLINE void store_integers(void* p, I32x16 x) {
  store_bytes(p, x.a);
  store_bytes(static_cast<char*>(p) + sizeof(Words), x.b);
}
NANOFLOW_INLINE F32x16 to_floats(I32x16 x) {
  return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)};
}
template <class Put>
NANOFLOW_INLINE void put_sixteens(int row, int column, Words s0, Words s1, const Put& put) {
  put(row, column, I32x16{s0, s1});
}

#endif

inline constexpr int word_columns = sizeof(Words) / sizeof(std::int32_t);

/// The sums of some rows times two registers, one row and those after it: of an array GCC 12 keeps
/// a copy on the stack, to which it stores after every product.
template <int rows>
struct QuadSums {
  Words s0, s1;
  QuadSums<rows - 1> rest;

  NANOFLOW_INLINE void clear() {
    s0 = s1 = Words();
    rest.clear();
  }
  template <int next_row>
  NANOFLOW_INLINE void add(Words x0, Words x1, const std::int16_t* in) {
    add_products(s0, s1, x0, x1, in);
    rest.template add<next_row>(x0, x1, in + next_row);
  }
  template <class Put>
  NANOFLOW_INLINE void put(int row, int column, const Put& to) const {
    put_sixteens(row, column, s0, s1, to);
    rest.put(row + 1, column, to);
  }
};
template <>
struct QuadSums<0> {
  NANOFLOW_INLINE void clear() {}
  template <int>
  NANOFLOW_INLINE void add(Words, Words, const std::int16_t*) {}
  template <class Put>
  NANOFLOW_INLINE void put(int, int, const Put&) const {}
};

/// What multiply_quads sums up: n_quads quads of a panel, [n_quads][32][4] bytes in the order of
/// kv_pages.hpp, times `in`, int16, whose quads lie next_quad numbers apart.
struct QuadPart {
  const std::int8_t* panel;
  const std::int16_t* in;
  int n_quads;
  std::ptrdiff_t next_quad;
};
struct QuadParts {
  const QuadPart* begin;
  int n_parts;
  int n_rows;
};

/// multiply_quads for `rows` of the rows and the columns of two registers.
template <int rows, int next_row, class Put>
inline void multiply_quad_tile(const QuadParts& parts, int first_row, int column, const Put& put,
                               LinesAhead& ahead) {
  QuadSums<rows> sums;
  sums.clear();
  for (int i = 0; i < parts.n_parts; ++i) {
    const QuadPart& part = parts.begin[i];
    const std::int8_t* panel = part.panel + column * kv_quad;
    const std::int16_t* in = part.in + first_row * next_row;
    for (int quad = 0; quad < part.n_quads;) {
      constexpr int lines = panel_width * kv_quad / 64, steps = 4;
      ahead.ask(steps * lines);  // as many as are read
      for (const int end = smaller(quad + steps, part.n_quads); quad < end; ++quad) {
        const Words x0 = load_bytes(panel), x1 = load_bytes(panel + sizeof(Words));
        sums.template add<next_row>(even_bytes(x0), even_bytes(x1), in);
        sums.template add<next_row>(odd_bytes(x0), odd_bytes(x1), in + 2);
        panel += panel_width * kv_quad;
        in += part.next_quad;
      }
    }
  }
  sums.put(first_row, column, put);
}

/// multiply_quads for n <= rows of the rows.
template <int rows, int next_row, class Put>
inline void multiply_quad_rows(const QuadParts& parts, int first_row, int n, const Put& put,
                               LinesAhead& ahead) {
  if constexpr (rows > 1) {
    if (n < rows) return multiply_quad_rows<rows - 1, next_row>(parts, first_row, n, put, ahead);
  }
  for (int column = 0; column < panel_width; column += 2 * word_columns)
    multiply_quad_tile<rows, next_row>(parts, first_row, column, put, ahead);
}

/// put(r, c, sums) for each row r and for c = 0 and 16, where sums[j] is the sum over the parts'
/// quads and their numbers k of in[quad][r][k] * panel[quad][c + j][k]. Rows of `in` lie next_row
/// numbers apart, which is known when compiled.
template <int next_row, class Put>
inline void multiply_quads(const QuadParts& parts, const Put& put, LinesAhead& ahead) {
  each_tile<quad_tile_rows>(parts.n_rows, [&](int first, int n) {
    multiply_quad_rows<quad_tile_rows, next_row>(parts, first, n, put, ahead);
  });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
