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

/// One span: at most groups_a_span groups.
void int8_span(WeightGroup* out, const float* x, int n_inputs) {
  float largest = 0;
  for (int i = 0; i < n_inputs; ++i) largest = std::max(largest, std::abs(x[i]));
  const std::uint16_t half = finite_f16(largest / 127);
  const float scale = from_f16(half);
  for (int i = 0; i < n_inputs; ++i) {
    WeightGroup& group = out[i / group_inputs];
    group.scale = half;
    group.values[i % group_inputs] = static_cast<Byte>(steps(x[i], scale, -127, 127) + 128);
  }
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

void round_row(WeightGroup* out, Element element, const float* x, int n_inputs) {
  const int step = element == Element::int8 ? span_inputs : group_inputs;
  for (int i = 0; i < n_inputs; i += step) {
    WeightGroup* to = out + i / group_inputs;
    element == Element::int8 ? int8_span(to, x + i, std::min(step, n_inputs - i))
                             : int4_group(*to, x + i);
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

void write_values(Byte* group, Element element, int lane, const WeightGroup& from) {
  for (int i = 0; i < group_inputs; ++i) {
    const auto [byte, shift] = place_of(element, lane, i);
    const int others = element == Element::int8 ? 0 : group[byte] & (0xf0 >> shift);
    group[byte] = static_cast<Byte>(others | from.values[i] << shift);
  }
}

Byte* values_of(const PackedMatrix& matrix, int output, int group) {
  const std::size_t bytes = group_values_bytes(matrix.element) +
                            (matrix.element == Element::int8 ? 0 : scale_bytes(Element::int4));
  return packed_span(matrix, output / panel_width, group / groups_a_span) +
         group % groups_a_span * bytes;
}
/// Where an output's scale is, behind a group or a span; of int4, its minimum is behind 32 of them.
Byte* scale_of(const PackedMatrix& matrix, int output, int group) {
  const int n_groups = matrix.n_inputs / group_inputs;
  const int last = matrix.element == Element::int8
                       ? std::min((group / groups_a_span + 1) * groups_a_span, n_groups) - 1
                       : group;
  return values_of(matrix, output, last) + group_values_bytes(matrix.element) +
         output % panel_width * sizeof(std::uint16_t);
}
constexpr std::size_t to_minimum = panel_width * sizeof(std::uint16_t);

void write_group(const PackedMatrix& matrix, int output, int group, const WeightGroup& from) {
  write_values(values_of(matrix, output, group), matrix.element, output % panel_width, from);
  Byte* scale = scale_of(matrix, output, group);
  std::memcpy(scale, &from.scale, sizeof from.scale);
  if (matrix.element == Element::int4)
    std::memcpy(scale + to_minimum, &from.minimum, sizeof from.minimum);
}

}  // namespace

void to_groups(WeightGroup* out, Element element, const std::byte* in, DType type, int n_rows,
               int n_inputs) {
  const std::size_t n_elements = static_cast<std::size_t>(n_rows) * n_inputs;
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

  std::vector<float> row(n_inputs);
  const std::size_t row_bytes = n_inputs / block_elements(type) * block_bytes(type);
  for (int i = 0; i < n_rows; ++i) {
    dequantize(row.data(), in + i * row_bytes, type, row.size());
    round_row(out, element, row.data(), n_inputs);
    out += n_inputs / group_inputs;
  }
}

void pack_groups(const PackedMatrix& matrix, int first_output, const WeightGroup* rows,
                 int n_rows) {
  const int n_groups = matrix.n_inputs / group_inputs;
  const auto write = [&](int output, const WeightGroup* row) {
    for (int group = 0; group < n_groups; ++group) write_group(matrix, output, group, row[group]);
  };
  for (int i = 0; i < n_rows; ++i)
    write(first_output + i, rows + static_cast<std::ptrdiff_t>(i) * n_groups);
  if (first_output + n_rows != matrix.n_outputs) return;
  const std::vector<WeightGroup> padding(n_groups);
  for (int output = matrix.n_outputs; output % panel_width != 0; ++output)
    write(output, padding.data());
}

WeightGroup unpack_group(const PackedMatrix& matrix, int output, int group) {
  const Byte* scale = scale_of(matrix, output, group);
  const Byte* values = values_of(matrix, output, group);
  const bool int8 = matrix.element == Element::int8;
  WeightGroup to;
  to.scale = half_at(scale);
  if (!int8) to.minimum = half_at(scale + to_minimum);
  for (int i = 0; i < group_inputs; ++i) {
    const auto [byte, shift] = place_of(matrix.element, output % panel_width, i);
    to.values[i] = int8 ? values[byte] : values[byte] >> shift & 15;
  }
  return to;
}

}  // namespace nanoflow::kernels
