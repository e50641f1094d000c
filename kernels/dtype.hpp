#pragma once
#include <cstddef>
#include <string_view>

namespace nanoflow {

/// How the numbers of a tensor are stored in a model file. The quantised types are GGUF's.
enum class DType { f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k };

/// Elements that are stored together: 1 for plain numbers, 32 or 256 for quantised ones.
std::size_t block_elements(DType type);
/// Bytes of one block.
std::size_t block_bytes(DType type);
std::string_view to_string(DType type);

}  // namespace nanoflow
