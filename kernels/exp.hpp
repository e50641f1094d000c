// e^x in f32, the one that softmax and the activations share: error below 1 ulp, and the same bits
// in every instruction set, because each step is one correctly rounded operation.
//
// x = n ln 2 + r with |r| <= ln(2)/2, and e^x = 2^n e^r; e^r is its Taylor polynomial of degree 7,
// whose first dropped term, r^8/8!, is under 6e-9. ln 2 is split in two, so that n * high is exact.
// Results below the smallest normal number are 0; x is bounded by 88 (e^88 = 1.7e38); NaN stays
// NaN.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

namespace nanoflow::kernels {

// The operations that exponential needs, for one float; simd.hpp has them for 16. Always inlined,
// since files compiled for different processors must not share one copy.
[[gnu::always_inline]] inline float fma(float a, float b, float c) {
  return std::fma(a, b, c);
}
/// The larger; x where it is NaN.
[[gnu::always_inline]] inline float at_least(float x, float bound) {
  return x < bound ? bound : x;
}
/// The smaller; x where it is NaN.
[[gnu::always_inline]] inline float at_most(float x, float bound) {
  return x > bound ? bound : x;
}
/// 2^n from the float n + 1.5 * 2^23, whose low bits hold the integer n.
[[gnu::always_inline]] inline float power_of_two(float shifted) {
  const auto n = std::bit_cast<std::uint32_t>(shifted) << 23U;
  return std::bit_cast<float>(n + std::bit_cast<std::uint32_t>(1.0F));
}
[[gnu::always_inline]] inline float zero_where_less(float x, float bound, float value) {
  return x < bound ? 0.0F : value;
}

/// The bits, read as a signed integer.
[[gnu::always_inline]] inline float bits_as_number(float x) {
  return static_cast<float>(std::bit_cast<std::int32_t>(x));
}

/// T is float or F32x16.
template <class T>
[[gnu::always_inline]] inline T exponential(T x) {
  const T lowest(-87.3365447F);  // ln of the smallest normal number
  const T shift(12582912.0F);    // adding 1.5 * 2^23 rounds to an integer
  const T bounded = at_most(at_least(x, lowest), T(88.0F));
  const T shifted = fma(bounded, T(1.44269504F), shift);
  const T n = shifted - shift;
  const T r = fma(n, T(-1.42860682e-6F), fma(n, T(-0.693145752F), bounded));
  T sum(1.0F / 5040);
  sum = fma(sum, r, T(1.0F / 720));
  sum = fma(sum, r, T(1.0F / 120));
  sum = fma(sum, r, T(1.0F / 24));
  sum = fma(sum, r, T(1.0F / 6));
  sum = fma(sum, r, T(0.5F));
  sum = fma(sum, r, T(1.0F));
  sum = fma(sum, r, T(1.0F));
  return zero_where_less(x, lowest, sum * power_of_two(shifted));
}

/// e^x as softmax needs it, for x that is at most 88: in two thirds of the operations, with a
/// relative error below 2^-22 from -5 on and below 2^-21 in all. 1 at 0, and never less than e^-86.
/// (e^r is 1 and the polynomial of degree 5 whose largest error is least.)
template <class T>
[[gnu::always_inline]] inline T softmax_exponential(T x) {
  const T shift(12582912.0F);
  const T bounded = at_least(x, T(-86.0F));
  const T shifted = fma(bounded, T(1.44269504F), shift);
  const T r = fma(shifted - shift, T(-0.693147182F), bounded);
  T sum(0x1.0fa822p-7F);
  sum = fma(sum, r, T(0x1.573a6cp-5F));
  sum = fma(sum, r, T(0x1.555a6cp-3F));
  sum = fma(sum, r, T(0x1.fffdc6p-2F));
  sum = fma(sum, r, T(0x1.fffff6p-1F));
  sum = fma(sum, r, T(1.0F));
  return sum * power_of_two(shifted);
}

}  // namespace nanoflow::kernels
