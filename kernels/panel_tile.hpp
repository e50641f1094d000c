// The inner loop of every matrix product: matmul's, and both of attention's. Only *_cpu.cpp files
// include this.
#pragma once
#include <cstddef>
#include <type_traits>

#include "kernels/panels.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

// A tile of rows x 16 or 32 columns of accumulators fills the registers: 16 of 8 lanes, or 32
// of 16.
#ifdef __AVX512F__
inline constexpr int tile_rows = 12;
inline constexpr int single_row_panels = 4;
template <class T>
constexpr int tile_halves(int) {
  return 2;
}
#else
inline constexpr int tile_rows = 6;
inline constexpr int single_row_panels = 2;
// Both halves of three rows and bf16's mask would need 17 registers.
template <class T>
constexpr int tile_halves(int rows) {
  return rows <= (std::is_same_v<T, float> ? 3 : 2) ? 2 : 1;
}
#endif

// What one row of a panel multiplies: of f32 an input, of bf16 a pair of inputs, of which the odd
// one's product is added first, as VDPBF16PS does (bf16_matmul.hpp).

/// What pairs of inputs are kept in, rounded to bf16.
#ifdef __AVX512BF16__
using PairInput = std::uint16_t;
using PairWords = __m512i;
NANOFLOW_INLINE PairWords load_pairs(const std::uint16_t* p) {
  return _mm512_loadu_si512(p);
}
NANOFLOW_INLINE F32x16 add_product(F32x16 sum, const PairInput* in, PairWords w) {
  std::int32_t pair;
  __builtin_memcpy(&pair, in, sizeof pair);
  return F32x16(_mm512_dpbf16_ps(sum.v, reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair)),
                                 reinterpret_cast<__m512bh>(w)));
}
#else
using PairInput = float;
struct PairWords {
  F32x16 even, odd;
};
NANOFLOW_INLINE PairWords load_pairs(const std::uint16_t* p) {
  return {load_low(p), load_high(p)};
}
NANOFLOW_INLINE F32x16 add_product(F32x16 sum, const PairInput* in, const PairWords& w) {
  return fma(F32x16(in[0]), w.even, fma(F32x16(in[1]), w.odd, sum));
}
#endif
NANOFLOW_INLINE F32x16 add_product(F32x16 sum, const float* in, F32x16 w) {
  return fma(F32x16(*in), w, sum);
}

/// A panel's row: [32] floats, or [32][2] bf16. Half 0 or 1 has columns 0-15 or 16-31.
template <class T>
struct PanelRow;
template <>
struct PanelRow<float> {
  using Input = float;
  static constexpr int inputs = 1, numbers = panel_width;
  NANOFLOW_INLINE static F32x16 load_half(const float* row, int half) {
    return load(row + 16 * half);
  }
};
template <>
struct PanelRow<std::uint16_t> {
  using Input = PairInput;
  static constexpr int inputs = 2, numbers = 2 * panel_width;
  NANOFLOW_INLINE static PairWords load_half(const std::uint16_t* row, int half) {
    return load_pairs(row + panel_width * half);
  }
};

/// Memory that is asked for while a panel is multiplied, a line for each input: into the
/// second-level cache, since the first can wait for few lines at once.
struct Ahead {
  const char* data = nullptr;
  NANOFLOW_INLINE void ask(int line) const { __builtin_prefetch(data + 64 * line, 0, 2); }
};
struct NothingAhead {
  NANOFLOW_INLINE void ask(int) const {}
};

/// The sums of some rows times one half of a panel or both, one row and those after it: of an array
/// GCC 12 may keep a copy on the stack.
template <int rows, int halves>
struct PanelSums {
  F32x16 s0, s1;
  PanelSums<rows - 1, halves> rest;

  NANOFLOW_INLINE void load_all(const float* from, std::ptrdiff_t stride) {
    s0 = load(from);
    if constexpr (halves == 2) s1 = load(from + 16);
    rest.load_all(from + stride, stride);
  }
  NANOFLOW_INLINE void store_all(float* to, std::ptrdiff_t stride) const {
    store(to, s0);
    if constexpr (halves == 2) store(to + 16, s1);
    rest.store_all(to + stride, stride);
  }
  template <class X, class W>
  NANOFLOW_INLINE void add(const W& w0, const W& w1, const X* in, std::ptrdiff_t stride) {
    s0 = add_product(s0, in, w0);
    if constexpr (halves == 2) s1 = add_product(s1, in, w1);
    rest.add(w0, w1, in + stride, stride);
  }
};
template <int halves>
struct PanelSums<0, halves> {
  NANOFLOW_INLINE void load_all(const float*, std::ptrdiff_t) {}
  NANOFLOW_INLINE void store_all(float*, std::ptrdiff_t) const {}
  template <class X, class W>
  NANOFLOW_INLINE void add(const W&, const W&, const X*, std::ptrdiff_t) {}
};

template <class T>
using PanelInput = typename PanelRow<T>::Input;

/// Halves [first_half, first_half + halves) of accumulate_panel, for a number of rows known when
/// compiled.
template <int rows, int first_half, int halves, class T, class Next>
inline void accumulate_tile(float* out, std::ptrdiff_t out_stride, const PanelInput<T>* in,
                            std::ptrdiff_t in_stride, const T* panel, int n_k, Next ahead) {
  using Row = PanelRow<T>;
  out += 16 * first_half;
  PanelSums<rows, halves> sums;
  sums.load_all(out, out_stride);
  for (int k = 0; k < n_k; k += Row::inputs, panel += Row::numbers) {
    for (int i = 0; i < Row::inputs; ++i) ahead.ask(k + i);
    const auto w0 = Row::load_half(panel, first_half);
    sums.add(w0, halves == 2 ? Row::load_half(panel, 1) : w0, in + k, in_stride);
  }
  sums.store_all(out, out_stride);
}

/// accumulate_tile for n_rows <= rows.
template <int rows, class T, class Next>
inline void accumulate_rows(int n_rows, float* out, std::ptrdiff_t out_stride,
                            const PanelInput<T>* in, std::ptrdiff_t in_stride, const T* panel,
                            int n_k, Next ahead) {
  if constexpr (rows > 1) {
    if (n_rows < rows) {
      return accumulate_rows<rows - 1>(n_rows, out, out_stride, in, in_stride, panel, n_k, ahead);
    }
  }
  if constexpr (tile_halves<T>(rows) == 2) {
    accumulate_tile<rows, 0, 2>(out, out_stride, in, in_stride, panel, n_k, ahead);
  } else {
    accumulate_tile<rows, 0, 1>(out, out_stride, in, in_stride, panel, n_k, ahead);
    accumulate_tile<rows, 1, 1>(out, out_stride, in, in_stride, panel, n_k, NothingAhead());
  }
}

/// out[r][0 .. 31] += sum over k ascending of in[r][k] * panel[k][0 .. 31]. n_k: of bf16, even.
template <class T, class Next = NothingAhead>
inline void accumulate_panel(float* out, std::ptrdiff_t out_stride, const PanelInput<T>* in,
                             std::ptrdiff_t in_stride, const T* panel, int n_k, int n_rows,
                             Next ahead = {}) {
  each_tile<tile_rows>(n_rows, [&](int first, int n) {
    accumulate_rows<tile_rows>(n, out + first * out_stride, out_stride, in + first * in_stride,
                               in_stride, panel, n_k, ahead);
  });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
