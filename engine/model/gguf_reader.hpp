// How the bytes of a GGUF file are walked. Format: ggml's docs/gguf.md.
#pragma once
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/model/byte_cursor.hpp"
#include "engine/model/tensor_view.hpp"

namespace nanoflow::gguf {

enum class Type : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  text,
  array,
  u64,
  i64,
  f64
};

/// Bytes of one value; 0 for texts and arrays, whose size is in the file.
std::uint64_t size_of(Type type);

/// Where a metadata value lies. Arrays are converted when asked for: a vocabulary has 10^5 texts.
struct Value {
  Type type = Type::u8;  // of an array: of its elements
  bool array = false;
  std::uint64_t count = 1;   // elements
  std::uint64_t offset = 0;  // of the first element, in the file
};

struct Contents {
  std::unordered_map<std::string_view, Value> metadata;
  std::vector<TensorView> tensors;
};

/// Walks the whole header and checks it; the views point into bytes. Throws ModelError.
Contents read(std::span<const std::byte> bytes, std::string_view file);

}  // namespace nanoflow::gguf
