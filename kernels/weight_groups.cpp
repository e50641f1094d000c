#include "kernels/weight_groups.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/dequantize.hpp"
#include "kernels/f16.hpp"

namespace nanoflow::kernels {
namespace {

using Byte = std::uint8_t;

std::uint16_t half_at(const Byte* at) {
  std::uint16_t half;
  std::memcpy(&half, at, sizeof half);
  return half;
}

/// Finite in half precision.
std::uint16_t finite_f16(float value) {
  return to_f16(std::clamp(value, -f16_max, f16_max));
}

/// x / scale, rounded, within low .. high.
int steps(float x, float scale, int low, int high) {
  if (!(scale > 0)) return std::clamp(0, low, high);
  const float rounded = std::nearbyint(x / scale);
  return static_cast<int>(std::clamp(rounded, static_cast<float>(low), static_cast<float>(high)));
}

void int8_group(WeightGroup& out, const float* x) {
  float largest = 0;
  for (int i = 0; i < group_inputs; ++i) largest = std::max(largest, std::abs(x[i]));
  out.scale = finite_f16(largest / 127);
  const float scale = from_f16(out.scale);
  for (int i = 0; i < group_inputs; ++i)
    out.values[i] = static_cast<Byte>(steps(x[i], scale, -127, 127) + 128);
}

void int4_group(WeightGroup& out, const float* x) {
  const auto [low, high] = std::minmax_element(x, x + group_inputs);
  out.minimum = finite_f16(*low);
  const float minimum = from_f16(out.minimum);
  out.scale = finite_f16((*high - minimum) / 15);
  const float scale = from_f16(out.scale);
  for (int i = 0; i < group_inputs; ++i)
    out.values[i] = static_cast<Byte>(steps(x[i] - minimum, scale, 0, 15));
}

/// 16 bytes of nibbles: the low ones are elements 0 to 15, the high ones 16 to 31.
void copy_nibbles(WeightGroup& out, const Byte* nibbles) {
  for (int i = 0; i < 16; ++i) {
    out.values[i] = nibbles[i] & 15;
    out.values[i + 16] = nibbles[i] >> 4;
  }
}

// dequantize.cpp describes the formats.

void q8_0_group(WeightGroup& out, const Byte* in) {
  out.scale = half_at(in);
  for (int i = 0; i < group_inputs; ++i) out.values[i] = in[2 + i] ^ 0x80U;  // + 128
}

void q4_0_group(WeightGroup& out, const Byte* in) {
  out.scale = half_at(in);
  out.minimum = finite_f16(-8 * from_f16(out.scale));
  copy_nibbles(out, in + 2);
}

void q4_1_group(WeightGroup& out, const Byte* in) {
  out.scale = half_at(in);
  out.minimum = half_at(in + 2);
  copy_nibbles(out, in + 4);
}

void q4_k_groups(WeightGroup* out, const Byte* in) {
  const float scale = from_f16(half_at(in)), minimum = from_f16(half_at(in + 2));
  for (int group = 0; group < 8; ++group) {
    const auto [group_scale, group_minimum] = k_group_scales(in + 4, group);
    out[group].scale = finite_f16(scale * group_scale);
    out[group].minimum = finite_f16(-(minimum * group_minimum));
    const Byte* nibbles = in + 16 + group / 2 * 32;
    for (int i = 0; i < group_inputs; ++i)
      out[group].values[i] = nibbles[i] >> (group % 2 * 4) & 15;
  }
}

template <class Convert>
void each_block(WeightGroup* out, const std::byte* in, DType type, std::size_t n_elements,
                const Convert& convert) {
  const auto* block = reinterpret_cast<const Byte*>(in);
  const std::size_t groups_a_block = block_elements(type) / group_inputs;
  for (std::size_t i = 0; i < n_elements; i += block_elements(type)) {
    convert(out, block);
    out += groups_a_block;
    block += block_bytes(type);
  }
}

/// Where output `lane` of a panel has its value of input i of a group, and in which bits.
struct Place {
  std::size_t byte;
  int shift;
};
Place place_of(Element element, int lane, int i) {
  const std::size_t step = i / step_inputs * step_bytes(element);
  if (element == Element::int8)
    return {step + static_cast<std::size_t>(lane) * step_inputs + i % step_inputs, 0};
  return {step + static_cast<std::size_t>(lane % 16) * step_inputs + i % step_inputs,
          lane / 16 * 4};
}

void write_lane(Byte* group, Element element, int lane, const WeightGroup& from) {
  for (int i = 0; i < group_inputs; ++i) {
    const auto [byte, shift] = place_of(element, lane, i);
    const int others = element == Element::int8 ? 0 : group[byte] & (0xf0 >> shift);
    group[byte] = static_cast<Byte>(others | from.values[i] << shift);
  }
  Byte* scales = group + steps_a_group * step_bytes(element);
  std::memcpy(scales + lane * sizeof from.scale, &from.scale, sizeof from.scale);
  if (element == Element::int8) return;
  Byte* minimums = scales + panel_width * sizeof from.scale;
  std::memcpy(minimums + lane * sizeof from.minimum, &from.minimum, sizeof from.minimum);
}

}  // namespace

void to_groups(WeightGroup* out, Element element, const std::byte* in, DType type,
               std::size_t n_elements) {
  if (element == Element::int8 && type == DType::q8_0) {
    return each_block(out, in, type, n_elements,
                      [](WeightGroup* group, const Byte* block) { q8_0_group(*group, block); });
  }
  if (element == Element::int4 && type == DType::q4_0) {
    return each_block(out, in, type, n_elements,
                      [](WeightGroup* group, const Byte* block) { q4_0_group(*group, block); });
  }
  if (element == Element::int4 && type == DType::q4_1) {
    return each_block(out, in, type, n_elements,
                      [](WeightGroup* group, const Byte* block) { q4_1_group(*group, block); });
  }
  if (element == Element::int4 && type == DType::q4_k)
    return each_block(out, in, type, n_elements, q4_k_groups);

  const std::size_t piece = std::max<std::size_t>(block_elements(type), group_inputs);
  float x[256];  // the largest block
  for (std::size_t i = 0; i < n_elements; i += piece) {
    dequantize(x, in + i / block_elements(type) * block_bytes(type), type, piece);
    for (std::size_t j = 0; j < piece; j += group_inputs, ++out)
      element == Element::int8 ? int8_group(*out, x + j) : int4_group(*out, x + j);
  }
}

void pack_groups(const PackedMatrix& matrix, int first_output, const WeightGroup* rows,
                 int n_rows) {
  const int n_groups = matrix.n_inputs / group_inputs;
  const auto write = [&](int output, const WeightGroup* row) {
    for (int group = 0; group < n_groups; ++group) {
      write_lane(packed_group(matrix, output / panel_width, group), matrix.element,
                 output % panel_width, row[group]);
    }
  };
  for (int i = 0; i < n_rows; ++i)
    write(first_output + i, rows + static_cast<std::ptrdiff_t>(i) * n_groups);
  if (first_output + n_rows != matrix.n_outputs) return;
  const std::vector<WeightGroup> padding(n_groups);
  for (int output = matrix.n_outputs; output % panel_width != 0; ++output)
    write(output, padding.data());
}

WeightGroup unpack_group(const PackedMatrix& matrix, int output, int group) {
  const Byte* from = packed_group(matrix, output / panel_width, group);
  const int lane = output % panel_width;
  const Byte* scales = from + steps_a_group * step_bytes(matrix.element);
  const bool int8 = matrix.element == Element::int8;
  WeightGroup to;
  to.scale = half_at(scales + lane * sizeof to.scale);
  if (!int8) to.minimum = half_at(scales + (panel_width + lane) * sizeof to.minimum);
  for (int i = 0; i < group_inputs; ++i) {
    const auto [byte, shift] = place_of(matrix.element, lane, i);
    to.values[i] = int8 ? from[byte] : from[byte] >> shift & 15;
  }
  return to;
}

}  // namespace nanoflow::kernels
