// Symmetric quantisation of some numbers with one scale: q = round(x * factor), x = about q *
// scale, where the largest magnitude m becomes `limit`: factor = limit / m, scale = m / limit.
// Numbers all below 2^-100 become zeros; a NaN or an infinity among them makes the scale NaN.
#pragma once
#include <bit>
#include <cstdint>
#include <limits>

namespace nanoflow::kernels {

struct SymmetricScale {
  float factor, scale;
};

/// A float's magnitude as an integer. Magnitudes order like integers, a NaN above all. (Always
/// inlined, since files compiled for different processors must not share one copy.)
[[gnu::always_inline]] inline std::int32_t magnitude_bits(float x) {
  return static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(x) & 0x7fffffffU);
}

/// largest: magnitude_bits of the largest.
[[gnu::always_inline]] inline SymmetricScale symmetric_scale(std::int32_t largest, float limit) {
  if (largest >= 0x7f800000) return {0, std::numeric_limits<float>::quiet_NaN()};
  const auto magnitude = std::bit_cast<float>(largest);
  if (magnitude < 0x1p-100F) return {0, 0};
  return {limit / magnitude, magnitude / limit};
}

}  // namespace nanoflow::kernels
