#pragma once
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nanoflow::test {

/// Writes a vocabulary-only GGUF file (version 3): metadata without tensors.
class GgufWriter {
 public:
  void put(std::string_view key, std::string_view value) {
    begin(key, text_type);
    text(value);
  }
  void put(std::string_view key, std::uint32_t value) {
    begin(key, uint32_type);
    number(value, 4);
  }
  void put_flag(std::string_view key, bool value) {
    begin(key, bool_type);
    number(value, 1);
  }
  void put(std::string_view key, const std::vector<std::string>& values) {
    begin_array(key, text_type, values.size());
    for (const std::string& value : values) text(value);
  }
  void put(std::string_view key, const std::vector<std::int32_t>& values) {
    begin_array(key, int32_type, values.size());
    for (const std::int32_t value : values) number(static_cast<std::uint32_t>(value), 4);
  }
  void put(std::string_view key, const std::vector<float>& values) {
    begin_array(key, float32_type, values.size());
    for (const float value : values) number(std::bit_cast<std::uint32_t>(value), 4);
  }

  std::string bytes() const {
    GgufWriter head;
    head.out_ = "GGUF";
    head.number(3, 4);
    head.number(0, 8);
    head.number(n_keys_, 8);
    return head.out_ + out_;
  }

 private:
  enum Type {
    uint32_type = 4,
    int32_type = 5,
    float32_type = 6,
    bool_type = 7,
    text_type = 8,
    array_type = 9
  };

  void begin(std::string_view key, Type type) {
    ++n_keys_;
    text(key);
    number(type, 4);
  }
  void begin_array(std::string_view key, Type type, std::size_t n) {
    begin(key, array_type);
    number(type, 4);
    number(n, 8);
  }
  void number(std::uint64_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; ++i) out_ += static_cast<char>(value >> 8 * i & 0xFF);
  }
  void text(std::string_view value) {
    number(value.size(), 8);
    out_ += value;
  }

  std::string out_;
  std::uint64_t n_keys_ = 0;
};

}  // namespace nanoflow::test
