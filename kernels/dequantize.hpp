// Numbers of a model file as f32. The block formats are GGUF's (the ggml project's definition of
// them): a block holds 32 or 256 small integers with a scale, and in some formats a minimum; "K"
// blocks have 6-bit scales in groups. Every result is what the format's formula gives in f32 with
// one rounding an operation, so it equals the published reference implementation's bit for bit.
// Bytes: block_bytes read and 4 * block_elements written a block.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/isa.hpp"

namespace nanoflow::kernels {

/// out [n_elements] from in, any alignment; n_elements is a multiple of block_elements(type).
void dequantize(float* out, const std::byte* in, DType type, std::size_t n_elements);

/// Scale and minimum, 6 bits each, of a K block's group 0 .. 7, which 12 bytes hold.
struct KGroupScales {
  float scale, minimum;
};
KGroupScales k_group_scales(const std::uint8_t* packed, int group);

/// x[r][i] = table[tokens[r]][i] * scale: the token embedding, read from the checkpoint's own
/// tensor [vocab_size][dim]. dim is a multiple of block_elements(type). x's rows are `stride`
/// floats apart.
void embed(float* x, std::ptrdiff_t stride, const std::byte* table, DType type, int dim,
           const int* tokens, float scale, Range rows);

}  // namespace nanoflow::kernels
