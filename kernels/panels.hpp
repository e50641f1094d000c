// The layout of what a matrix product streams: f32 weights, and K and V in pages. (Weights of other
// elements are laid out for their own instructions: matmul.hpp, weight_groups.hpp.)
//
// A panel of f32 is [k][32]: 32 columns (outputs of a weight matrix; positions of a K page;
// dimensions of a V page) side by side, so that vector lanes are columns and each column has one
// accumulator, whatever the vector length. One of bf16 is [pairs of k][32][2], k even in the low
// half of a 32-bit word: as VDPBF16PS reads it, and f32 comes out of one load by a shift or a mask.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace nanoflow::kernels {

inline constexpr int panel_width = 32;

/// Weights of int8 and int4 lie in groups: weight_groups.hpp. K and V of int8: kv_pages.hpp.
enum class Element { f32, bf16, int8, int4 };

constexpr bool is_quantized(Element element) {
  return element == Element::int8 || element == Element::int4;
}
/// Of f32 and bf16.
constexpr std::size_t element_bytes(Element element) {
  return element == Element::f32 ? 4 : 2;
}
constexpr int n_panels(int columns) {
  return (columns + panel_width - 1) / panel_width;
}

/// Rounds to nearest, ties to even; a NaN stays one. (Always inlined, since files compiled for
/// different processors must not share one copy.)
[[gnu::always_inline]] inline std::uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = bits + 0x7fffU + ((bits >> 16U) & 1U);
  return static_cast<std::uint16_t>((value != value ? bits | 0x400000U : rounded) >> 16U);
}

[[gnu::always_inline]] inline float from_bf16(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16U);
}

/// As an element of weights or pages is stored: T is float, or std::uint16_t for bf16.
template <class T>
[[gnu::always_inline]] inline T to_element(float value) {
  if constexpr (std::is_same_v<T, float>)
    return value;
  else
    return to_bf16(value);
}

}  // namespace nanoflow::kernels
