// Sixteen f32 lanes: two AVX2 registers or one of AVX-512, in a namespace of its own for each.
// Kernels written with it give the same bits in both. Only *_cpu.cpp files include this.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace nanoflow::kernels::NANOFLOW_ISA {

#ifdef __AVX512F__

struct F32x16 {
  __m512 v;
  F32x16() : v(_mm512_setzero_ps()) {}
  explicit F32x16(float x) : v(_mm512_set1_ps(x)) {}
  explicit F32x16(__m512 x) : v(x) {}
};

#define NANOFLOW_INLINE [[gnu::always_inline]] inline

NANOFLOW_INLINE F32x16 load(const float* p) {
  return F32x16(_mm512_loadu_ps(p));
}
NANOFLOW_INLINE void store(float* p, F32x16 a) {
  _mm512_storeu_ps(p, a.v);
}
NANOFLOW_INLINE __mmask16 first_lanes(int n) {
  return static_cast<__mmask16>((1U << n) - 1U);
}
/// The first n < 16 lanes; the others are 0.
NANOFLOW_INLINE F32x16 load(const float* p, int n) {
  return F32x16(_mm512_maskz_loadu_ps(first_lanes(n), p));
}
NANOFLOW_INLINE void store(float* p, F32x16 a, int n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), a.v);
}
/// Words of two bf16: the low halves, the high halves (panels.hpp).
NANOFLOW_INLINE F32x16 load_low(const std::uint16_t* p) {
  return F32x16(_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16)));
}
NANOFLOW_INLINE F32x16 load_high(const std::uint16_t* p) {
  const __m512i mask = _mm512_set1_epi32(static_cast<int>(0xffff0000U));
  return F32x16(_mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), mask)));
}
/// The i-th sixteen of f16 numbers.
NANOFLOW_INLINE F32x16 load_f16(const std::uint8_t* p, int i) {
  return F32x16(_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p) + i)));
}

NANOFLOW_INLINE F32x16 operator+(F32x16 a, F32x16 b) {
  return F32x16(_mm512_add_ps(a.v, b.v));
}
NANOFLOW_INLINE F32x16 operator-(F32x16 a, F32x16 b) {
  return F32x16(_mm512_sub_ps(a.v, b.v));
}
NANOFLOW_INLINE F32x16 operator*(F32x16 a, F32x16 b) {
  return F32x16(_mm512_mul_ps(a.v, b.v));
}
NANOFLOW_INLINE F32x16 operator/(F32x16 a, F32x16 b) {
  return F32x16(_mm512_div_ps(a.v, b.v));
}
NANOFLOW_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return F32x16(_mm512_fmadd_ps(a.v, b.v, c.v));
}
/// a * b - c
NANOFLOW_INLINE F32x16 fms(F32x16 a, F32x16 b, F32x16 c) {
  return F32x16(_mm512_fmsub_ps(a.v, b.v, c.v));
}
// The second operand is the result where either is NaN.
NANOFLOW_INLINE F32x16 at_least(F32x16 x, F32x16 bound) {
  return F32x16(_mm512_max_ps(bound.v, x.v));
}
NANOFLOW_INLINE F32x16 at_most(F32x16 x, F32x16 bound) {
  return F32x16(_mm512_min_ps(bound.v, x.v));
}
/// To the nearest of bf16's numbers, ties to even; a NaN stays one.
NANOFLOW_INLINE F32x16 rounded_to_bf16(F32x16 x) {
  const __m512i bits = _mm512_castps_si512(x.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __m512 rounded =
      _mm512_castsi512_ps(_mm512_and_si512(up, _mm512_set1_epi32(static_cast<int>(0xffff0000U))));
  return F32x16(_mm512_mask_mov_ps(rounded, _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q), x.v));
}
NANOFLOW_INLINE F32x16 bits_as_number(F32x16 x) {
  return F32x16(_mm512_cvtepi32_ps(_mm512_castps_si512(x.v)));
}
NANOFLOW_INLINE F32x16 power_of_two(F32x16 shifted) {
  const __m512i n = _mm512_slli_epi32(_mm512_castps_si512(shifted.v), 23);
  const __m512i one = _mm512_castps_si512(_mm512_set1_ps(1.0F));
  return F32x16(_mm512_castsi512_ps(_mm512_add_epi32(n, one)));
}
NANOFLOW_INLINE F32x16 zero_where_less(F32x16 x, F32x16 bound, F32x16 value) {
  const __mmask16 keep = _mm512_cmp_ps_mask(x.v, bound.v, _CMP_NLT_UQ);
  return F32x16(_mm512_maskz_mov_ps(keep, value.v));
}
/// Lanes [begin, end) of a, and `other` elsewhere; 0 <= begin, end <= 16.
NANOFLOW_INLINE F32x16 lanes_or(F32x16 a, int begin, int end, float other) {
  const auto keep = static_cast<__mmask16>(first_lanes(end) & ~first_lanes(begin));
  return F32x16(_mm512_mask_mov_ps(_mm512_set1_ps(other), keep, a.v));
}
/// Lanes 0-7 and lanes 8-15, of each pair of lanes the even and the odd ones.
NANOFLOW_INLINE __m256 low_half(F32x16 a) {
  return _mm512_castps512_ps256(a.v);
}
NANOFLOW_INLINE __m256 high_half(F32x16 a) {
  return _mm512_extractf32x8_ps(a.v, 1);
}

#else

struct F32x16 {
  __m256 a, b;
  F32x16() : a(_mm256_setzero_ps()), b(_mm256_setzero_ps()) {}
  explicit F32x16(float x) : a(_mm256_set1_ps(x)), b(_mm256_set1_ps(x)) {}
  F32x16(__m256 low, __m256 high) : a(low), b(high) {}
};

#define NANOFLOW_INLINE [[gnu::always_inline]] inline

NANOFLOW_INLINE F32x16 load(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
NANOFLOW_INLINE void store(float* p, F32x16 x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
/// All bits set in lanes whose number, counted from `first`, is below n.
NANOFLOW_INLINE __m256i lanes_below(int n, int first) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n - first), lane);
}
/// The first n < 16 lanes; the others are 0.
NANOFLOW_INLINE F32x16 load(const float* p, int n) {
  return {_mm256_maskload_ps(p, lanes_below(n, 0)), _mm256_maskload_ps(p + 8, lanes_below(n, 8))};
}
NANOFLOW_INLINE void store(float* p, F32x16 x, int n) {
  _mm256_maskstore_ps(p, lanes_below(n, 0), x.a);
  _mm256_maskstore_ps(p + 8, lanes_below(n, 8), x.b);
}
NANOFLOW_INLINE __m256i load_words(const std::uint16_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
NANOFLOW_INLINE __m256 low_bf16(__m256i words) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}
NANOFLOW_INLINE __m256 high_bf16(__m256i words) {
  const __m256i mask = _mm256_set1_epi32(static_cast<int>(0xffff0000U));
  return _mm256_castsi256_ps(_mm256_and_si256(words, mask));
}
/// Words of two bf16: the low halves, the high halves (panels.hpp).
NANOFLOW_INLINE F32x16 load_low(const std::uint16_t* p) {
  return {low_bf16(load_words(p)), low_bf16(load_words(p + 16))};
}
NANOFLOW_INLINE F32x16 load_high(const std::uint16_t* p) {
  return {high_bf16(load_words(p)), high_bf16(load_words(p + 16))};
}

NANOFLOW_INLINE F32x16 operator+(F32x16 x, F32x16 y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
NANOFLOW_INLINE F32x16 operator-(F32x16 x, F32x16 y) {
  return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
NANOFLOW_INLINE F32x16 operator*(F32x16 x, F32x16 y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
NANOFLOW_INLINE F32x16 operator/(F32x16 x, F32x16 y) {
  return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
NANOFLOW_INLINE F32x16 fma(F32x16 x, F32x16 y, F32x16 z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
/// x * y - z
NANOFLOW_INLINE F32x16 fms(F32x16 x, F32x16 y, F32x16 z) {
  return {_mm256_fmsub_ps(x.a, y.a, z.a), _mm256_fmsub_ps(x.b, y.b, z.b)};
}
// The second operand is the result where either is NaN.
NANOFLOW_INLINE F32x16 at_least(F32x16 x, F32x16 bound) {
  return {_mm256_max_ps(bound.a, x.a), _mm256_max_ps(bound.b, x.b)};
}
NANOFLOW_INLINE F32x16 at_most(F32x16 x, F32x16 bound) {
  return {_mm256_min_ps(bound.a, x.a), _mm256_min_ps(bound.b, x.b)};
}
NANOFLOW_INLINE __m256 power_of_two(__m256 shifted) {
  const __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  const __m256i one = _mm256_castps_si256(_mm256_set1_ps(1.0F));
  return _mm256_castsi256_ps(_mm256_add_epi32(n, one));
}
NANOFLOW_INLINE __m256 rounded_to_bf16(__m256 x) {
  const __m256i bits = _mm256_castps_si256(x);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256 rounded =
      _mm256_castsi256_ps(_mm256_and_si256(up, _mm256_set1_epi32(static_cast<int>(0xffff0000U))));
  return _mm256_blendv_ps(rounded, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
/// To the nearest of bf16's numbers, ties to even; a NaN stays one.
NANOFLOW_INLINE F32x16 rounded_to_bf16(F32x16 x) {
  return {rounded_to_bf16(x.a), rounded_to_bf16(x.b)};
}
NANOFLOW_INLINE F32x16 bits_as_number(F32x16 x) {
  return {_mm256_cvtepi32_ps(_mm256_castps_si256(x.a)),
          _mm256_cvtepi32_ps(_mm256_castps_si256(x.b))};
}
NANOFLOW_INLINE F32x16 power_of_two(F32x16 shifted) {
  return {power_of_two(shifted.a), power_of_two(shifted.b)};
}
NANOFLOW_INLINE F32x16 zero_where_less(F32x16 x, F32x16 bound, F32x16 value) {
  return {_mm256_and_ps(_mm256_cmp_ps(x.a, bound.a, _CMP_NLT_UQ), value.a),
          _mm256_and_ps(_mm256_cmp_ps(x.b, bound.b, _CMP_NLT_UQ), value.b)};
}
NANOFLOW_INLINE __m256 lanes_or(__m256 x, int begin, int end, int first, float other) {
  const __m256i keep = _mm256_andnot_si256(lanes_below(begin, first), lanes_below(end, first));
  return _mm256_blendv_ps(_mm256_set1_ps(other), x, _mm256_castsi256_ps(keep));
}
/// Lanes [begin, end) of x, and `other` elsewhere; 0 <= begin, end <= 16.
NANOFLOW_INLINE F32x16 lanes_or(F32x16 x, int begin, int end, float other) {
  return {lanes_or(x.a, begin, end, 0, other), lanes_or(x.b, begin, end, 8, other)};
}
NANOFLOW_INLINE __m256 low_half(F32x16 x) {
  return x.a;
}
NANOFLOW_INLINE __m256 high_half(F32x16 x) {
  return x.b;
}

#endif

NANOFLOW_INLINE constexpr int smaller(int a, int b) {
  return a < b ? a : b;
}

template <int most>
constexpr int n_tiles(int n_rows) {
  return (n_rows + most - 1) / most;
}
/// Rows of each_tile's first tile, than which none is larger, and others are smaller by one.
template <int most>
constexpr int largest_tile(int n_rows) {
  return (n_rows + n_tiles<most>(n_rows) - 1) / n_tiles<most>(n_rows);
}
/// Rows are cut in tiles as even as possible, since a tile of one or two rows waits for its own
/// sums: tile(first, n) with n <= most.
template <int most, class Tile>
inline void each_tile(int n_rows, const Tile& tile) {
  int first = 0;
  for (int left = n_tiles<most>(n_rows); left > 0; --left) {
    const int here = (n_rows - first + left - 1) / left;
    tile(first, here);
    first += here;
  }
}

/// Lanes 8, 4, 2 and 1 apart are added.
NANOFLOW_INLINE float sum_of_lanes(F32x16 x) {
  const __m256 eight = _mm256_add_ps(low_half(x), high_half(x));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
NANOFLOW_INLINE float maximum_of_lanes(F32x16 x) {
  const __m256 eight = _mm256_max_ps(low_half(x), high_half(x));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
