#include "kernels/dequantize.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/f16.hpp"
#include "kernels/panels.hpp"

namespace nanoflow::kernels {
namespace {

using Byte = std::uint8_t;

template <class T>
T read(const Byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

float read_f16(const Byte* at) {
  return from_f16(read<std::uint16_t>(at));
}

// One function a format: a block of bytes to block_elements(type) floats.

void f32_block(float* out, const Byte* in) {
  *out = read<float>(in);
}
void f16_block(float* out, const Byte* in) {
  *out = read_f16(in);
}
void bf16_block(float* out, const Byte* in) {
  *out = from_bf16(read<std::uint16_t>(in));
}

// f16 scale, 32 signed bytes.
void q8_0_block(float* out, const Byte* in) {
  const float scale = read_f16(in);
  for (int i = 0; i < 32; ++i)
    out[i] = scale * static_cast<float>(static_cast<std::int8_t>(in[2 + i]));
}

// f16 scale, 16 bytes of nibbles: the low ones are elements 0 to 15, the high ones 16 to 31.
void q4_0_block(float* out, const Byte* in) {
  const float scale = read_f16(in);
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * static_cast<float>((in[2 + i] & 15) - 8);
    out[i + 16] = scale * static_cast<float>((in[2 + i] >> 4) - 8);
  }
}

// f16 scale, f16 minimum, nibbles.
void q4_1_block(float* out, const Byte* in) {
  const float scale = read_f16(in);
  const float minimum = read_f16(in + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * static_cast<float>(in[4 + i] & 15) + minimum;
    out[i + 16] = scale * static_cast<float>(in[4 + i] >> 4) + minimum;
  }
}

/// Element i of 32 whose low four bits are nibbles and whose fifth bits are the bits of `high`.
int five_bits(const Byte* nibbles, std::uint32_t high, int i) {
  const int low = i < 16 ? nibbles[i] & 15 : nibbles[i - 16] >> 4;
  return low | static_cast<int>((high >> i & 1U) << 4U);
}

// f16 scale, 32 high bits, nibbles.
void q5_0_block(float* out, const Byte* in) {
  const float scale = read_f16(in);
  const auto high = read<std::uint32_t>(in + 2);
  for (int i = 0; i < 32; ++i) out[i] = scale * static_cast<float>(five_bits(in + 6, high, i) - 16);
}

// f16 scale, f16 minimum, 32 high bits, nibbles.
void q5_1_block(float* out, const Byte* in) {
  const float scale = read_f16(in);
  const float minimum = read_f16(in + 2);
  const auto high = read<std::uint32_t>(in + 4);
  for (int i = 0; i < 32; ++i) {
    out[i] = scale * static_cast<float>(five_bits(in + 8, high, i)) + minimum;
  }
}

// f16 scale of scales, f16 scale of minimums, 12 bytes of groups, nibbles: each 32 bytes hold two
// groups of 32.
void q4_k_block(float* out, const Byte* in) {
  const float scale = read_f16(in);
  const float minimum = read_f16(in + 2);
  for (int group = 0; group < 8; ++group) {
    const auto [group_scale, group_minimum] = k_group_scales(in + 4, group);
    const float d = scale * group_scale;
    const float m = minimum * group_minimum;
    const Byte* nibbles = in + 16 + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      out[group * 32 + i] = d * static_cast<float>(nibbles[i] >> shift & 15) - m;
    }
  }
}

// As q4_k, with 32 bytes of fifth bits before the nibbles: bit g of byte i belongs to element i of
// group g.
void q5_k_block(float* out, const Byte* in) {
  const float scale = read_f16(in);
  const float minimum = read_f16(in + 2);
  const Byte* high = in + 16;
  for (int group = 0; group < 8; ++group) {
    const auto [group_scale, group_minimum] = k_group_scales(in + 4, group);
    const float d = scale * group_scale;
    const float m = minimum * group_minimum;
    const Byte* nibbles = in + 48 + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      const int q = (nibbles[i] >> shift & 15) | (high[i] >> group & 1) << 4;
      out[group * 32 + i] = d * static_cast<float>(q) - m;
    }
  }
}

// 128 bytes of low nibbles, 64 bytes of two high bits, 16 signed scales, f16 scale. In each half of
// 128 elements, quarter n takes its nibbles from 32 bytes (even n the first, odd n the second; n >=
// 2 the high nibbles) and its high bits from bits 2n of 32 bytes.
void q6_k_block(float* out, const Byte* in) {
  const float scale = read_f16(in + 208);
  for (int quarter = 0; quarter < 8; ++quarter) {
    const int half = quarter / 4;
    const int n = quarter % 4;
    const Byte* nibbles = in + half * 64 + n % 2 * 32;
    const Byte* high = in + 128 + half * 32;
    for (int i = 0; i < 32; ++i) {
      const auto group_scale = static_cast<std::int8_t>(in[192 + quarter * 2 + i / 16]);
      const int q = (nibbles[i] >> (n / 2 * 4) & 15) | (high[i] >> (2 * n) & 3) << 4;
      out[quarter * 32 + i] = scale * static_cast<float>(group_scale) * static_cast<float>(q - 32);
    }
  }
}

using BlockFunction = void (*)(float*, const Byte*);

template <BlockFunction block>
void blocks(float* out, const Byte* in, DType type, std::size_t n_elements) {
  const std::size_t elements = block_elements(type);
  const std::size_t bytes = block_bytes(type);
  for (std::size_t i = 0; i < n_elements; i += elements, in += bytes) block(out + i, in);
}

}  // namespace

KGroupScales k_group_scales(const std::uint8_t* packed, int group) {
  // The first four groups' are the low bits of bytes 0-3 and 4-7; the others' low nibbles are in
  // bytes 8-11, their high bits in the tops of the rest.
  if (group < 4) {
    return {static_cast<float>(packed[group] & 63), static_cast<float>(packed[group + 4] & 63)};
  }
  const int scale = (packed[group + 4] & 15) | (packed[group - 4] >> 6 << 4);
  const int minimum = (packed[group + 4] >> 4) | (packed[group] >> 6 << 4);
  return {static_cast<float>(scale), static_cast<float>(minimum)};
}

void dequantize(float* out, const std::byte* in, DType type, std::size_t n_elements) {
  const auto* bytes = reinterpret_cast<const Byte*>(in);
  switch (type) {
    case DType::f32:
      return blocks<f32_block>(out, bytes, type, n_elements);
    case DType::f16:
      return blocks<f16_block>(out, bytes, type, n_elements);
    case DType::bf16:
      return blocks<bf16_block>(out, bytes, type, n_elements);
    case DType::q8_0:
      return blocks<q8_0_block>(out, bytes, type, n_elements);
    case DType::q4_0:
      return blocks<q4_0_block>(out, bytes, type, n_elements);
    case DType::q4_1:
      return blocks<q4_1_block>(out, bytes, type, n_elements);
    case DType::q5_0:
      return blocks<q5_0_block>(out, bytes, type, n_elements);
    case DType::q5_1:
      return blocks<q5_1_block>(out, bytes, type, n_elements);
    case DType::q4_k:
      return blocks<q4_k_block>(out, bytes, type, n_elements);
    case DType::q5_k:
      return blocks<q5_k_block>(out, bytes, type, n_elements);
    case DType::q6_k:
      return blocks<q6_k_block>(out, bytes, type, n_elements);
  }
}

void embed(float* x, std::ptrdiff_t stride, const std::byte* table, DType type, int dim,
           const int* tokens, float scale, Range rows) {
  const std::size_t row_bytes =
      static_cast<std::size_t>(dim) / block_elements(type) * block_bytes(type);
  for (int r = rows.begin; r < rows.end; ++r) {
    float* row = x + r * stride;
    dequantize(row, table + row_bytes * static_cast<std::size_t>(tokens[r]), type,
               static_cast<std::size_t>(dim));
    for (int i = 0; i < dim; ++i) row[i] *= scale;
  }
}

}  // namespace nanoflow::kernels
