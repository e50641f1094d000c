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

/// Half 0 or 1 of a panel's row: columns 0-15 or 16-31.
template <int half, class T>
NANOFLOW_INLINE F32x16 load_half(const T* row) {
  if constexpr (std::is_same_v<T, float>) {
    return load(row + 16 * half);
  } else {
    return half == 0 ? load_low(row) : load_high(row);
  }
}

/// Memory that is asked for while a panel is multiplied, a line for each of its rows: into the
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
  NANOFLOW_INLINE void add(F32x16 w0, F32x16 w1, const float* in, std::ptrdiff_t stride) {
    const F32x16 x(*in);
    s0 = fma(x, w0, s0);
    if constexpr (halves == 2) s1 = fma(x, w1, s1);
    rest.add(w0, w1, in + stride, stride);
  }
};
template <int halves>
struct PanelSums<0, halves> {
  NANOFLOW_INLINE void load_all(const float*, std::ptrdiff_t) {}
  NANOFLOW_INLINE void store_all(float*, std::ptrdiff_t) const {}
  NANOFLOW_INLINE void add(F32x16, F32x16, const float*, std::ptrdiff_t) {}
};

/// Halves [first_half, first_half + halves) of accumulate_panel, for a number of rows known when
/// compiled.
template <int rows, int first_half, int halves, class T, class Next>
inline void accumulate_tile(float* out, std::ptrdiff_t out_stride, const float* in,
                            std::ptrdiff_t in_stride, const T* panel, int n_k, Next ahead) {
  out += 16 * first_half;
  PanelSums<rows, halves> sums;
  sums.load_all(out, out_stride);
  for (int k = 0; k < n_k; ++k, panel += panel_width) {
    ahead.ask(k);
    const F32x16 w0 = load_half<first_half>(panel);
    sums.add(w0, halves == 2 ? load_half<1>(panel) : w0, in + k, in_stride);
  }
  sums.store_all(out, out_stride);
}

/// accumulate_tile for n_rows <= rows.
template <int rows, class T, class Next>
inline void accumulate_rows(int n_rows, float* out, std::ptrdiff_t out_stride, const float* in,
                            std::ptrdiff_t in_stride, const T* panel, int n_k, Next ahead) {
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

/// out[r][0 .. 31] += sum over k ascending of in[r][k] * panel[k][0 .. 31].
template <class T, class Next = NothingAhead>
inline void accumulate_panel(float* out, std::ptrdiff_t out_stride, const float* in,
                             std::ptrdiff_t in_stride, const T* panel, int n_k, int n_rows,
                             Next ahead = {}) {
  each_tile<tile_rows>(n_rows, [&](int first, int n) {
    accumulate_rows<tile_rows>(n, out + first * out_stride, out_stride, in + first * in_stride,
                               in_stride, panel, n_k, ahead);
  });
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
