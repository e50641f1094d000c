// The inner loop of attention's products with int8 pages: sums of products of K's 8-bit numbers
// with a query's, and of V's with weights of 16 bits, exact in 32 bits. Only *_cpu.cpp files
// include this.
#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/kv_pages.hpp"
#include "kernels/lines_ahead.hpp"
#include "kernels/panels.hpp"
#ifdef __AVX512F__
#include "kernels/quad_tile_avx512.hpp"
#else
#include "kernels/quad_tile_avx2.hpp"
#endif

namespace nanoflow::kernels::NANOFLOW_ISA {

// A tile is some rows times the 32-bit words of two registers, a word for each column.
inline constexpr int tile_columns = 2 * sizeof(Words) / sizeof(std::int32_t);

struct NoQuadSums {
  NANOFLOW_INLINE void clear() {}
  template <int>
  NANOFLOW_INLINE void add(const PanelWords&, const void*) {}
  template <class Put>
  NANOFLOW_INLINE void put(int, int, const Put&) const {}
};
template <>
struct QuadSums<true, 0> : NoQuadSums {};
template <>
struct QuadSums<false, 0> : NoQuadSums {};

/// What a product's rows are: queries for keys, or weights of values.
template <bool keys>
using QuadNumber = std::conditional_t<keys, QueryNumber, std::int16_t>;

/// What multiply_quads sums up: n_quads quads of a panel, [n_quads][32][4] bytes in the order of
/// kv_pages.hpp, times `in`, quads as store_queries or weight_quads make them, which lie next_quad
/// numbers apart.
template <bool keys>
struct QuadPart {
  const std::int8_t* panel;
  const QuadNumber<keys>* in;
  int n_quads;
  std::ptrdiff_t next_quad;
};
template <bool keys>
struct QuadParts {
  const QuadPart<keys>* begin;
  int n_parts;
  int n_rows;
};

/// multiply_quads for `rows` of the rows and the columns of two registers.
template <int rows, bool keys, int next_row, class Put>
inline void multiply_quad_tile(const QuadParts<keys>& parts, int first_row, int column,
                               const Put& put, LinesAhead& ahead) {
  QuadSums<keys, rows> sums;
  sums.clear();
  for (int i = 0; i < parts.n_parts; ++i) {
    const auto& part = parts.begin[i];
    const std::int8_t* panel = part.panel + column * kv_quad;
    const auto* in = part.in + first_row * next_row;
    for (int quad = 0; quad < part.n_quads;) {
      constexpr int lines = panel_width * kv_quad / 64, steps = 4;
      ahead.ask(steps * lines);  // as many as are read
      for (const int end = smaller(quad + steps, part.n_quads); quad < end; ++quad) {
        sums.template add<next_row>(PanelWords::load<keys>(panel), in);
        panel += panel_width * kv_quad;
        in += part.next_quad;
      }
    }
  }
  sums.put(first_row, column, put);
}

/// multiply_quads for n <= rows of the rows.
template <int rows, bool keys, int next_row, class Put>
inline void multiply_quad_rows(const QuadParts<keys>& parts, int first_row, int n, const Put& put,
                               LinesAhead& ahead) {
  if constexpr (rows > 1) {
    if (n < rows)
      return multiply_quad_rows<rows - 1, keys, next_row>(parts, first_row, n, put, ahead);
  }
  for (int column = 0; column < panel_width; column += tile_columns)
    multiply_quad_tile<rows, keys, next_row>(parts, first_row, column, put, ahead);
}

/// put(r, c, sums) for each row r and for c = 0 and 16, where sums[j] is the sum over the parts'
/// quads and their numbers k of in[quad][r][k] * panel[quad][c + j][k]. The panel is one of keys,
/// whose bytes are unsigned, or of values. Rows of `in` lie next_row numbers apart, which is known
/// when compiled.
template <bool keys, int next_row, class Put>
inline void multiply_quads(const QuadParts<keys>& parts, const Put& put, LinesAhead& ahead) {
  constexpr int rows = quad_tile_rows(keys);
  each_tile<rows>(parts.n_rows, [&](int first, int n) {
    multiply_quad_rows<rows, keys, next_row>(parts, first, n, put, ahead);
  });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
