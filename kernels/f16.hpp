// Half precision by integers, exact in every mode of the floating-point unit.
#pragma once
#include <bit>
#include <cstdint>

namespace nanoflow::kernels {

inline constexpr float f16_max = 65504;

[[gnu::always_inline]] inline float from_f16(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16U;
  const std::uint32_t exponent = (half >> 10U) & 31U;
  const std::uint32_t fraction = half & 0x3ffU;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  const std::uint32_t wide_exponent = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide_exponent << 23U | fraction << 13U);
}

/// Rounds to nearest, ties to even; what is beyond the largest half becomes infinity.
[[gnu::always_inline]] inline std::uint16_t to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16U & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return static_cast<std::uint16_t>(sign | 0x7e00U);   // NaN
  if (magnitude >= 0x477ff000U) return static_cast<std::uint16_t>(sign | 0x7c00U);  // 65520 and up
  // Normal halves keep 10 bits of the fraction; below 2^-14 each power of two keeps one less.
  const std::uint32_t exponent = magnitude >> 23U;
  if (exponent < 102) return static_cast<std::uint16_t>(sign);  // under half of the smallest
  const bool normal = exponent >= 113;
  const std::uint32_t dropped = normal ? 13 : 126 - exponent;
  const std::uint32_t whole =
      normal ? magnitude - (112U << 23U) : (magnitude & 0x7fffffU) | 0x800000U;
  const std::uint32_t kept = whole >> dropped, rest = whole & ((1U << dropped) - 1U);
  const std::uint32_t half = 1U << (dropped - 1U);
  const bool up = rest > half || (rest == half && (kept & 1U) != 0);
  return static_cast<std::uint16_t>(sign | (kept + (up ? 1U : 0U)));
}

}  // namespace nanoflow::kernels
