#pragma once
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "engine/model/error.hpp"

namespace nanoflow {

/// Reads a file's bytes from front to back and never past their end: every read is checked against
/// what is left, by subtraction, so that no claimed length can wrap around.
class ByteCursor {
 public:
  ByteCursor(std::span<const std::byte> bytes, std::uint64_t at, std::string_view file)
      : bytes_(bytes), at_(at), file_(file) {}

  std::uint64_t at() const { return at_; }

  template <class T>
  requires std::is_arithmetic_v<T> T take(std::string_view what) {
    T value;
    std::memcpy(&value, claim(sizeof value, what), sizeof value);
    return value;
  }
  std::string_view bytes(std::uint64_t n, std::string_view what) {
    return {reinterpret_cast<const char*>(claim(n, what)), n};
  }
  /// A length and that many bytes.
  std::string_view text(std::string_view what) { return bytes(take<std::uint64_t>(what), what); }
  /// n things of a size that is not 0.
  void skip(std::uint64_t n, std::uint64_t size, std::string_view what) {
    if (n > (bytes_.size() - at_) / size) past_end(n, what);
    at_ += n * size;
  }
  [[noreturn]] void fail(const std::string& what) const {
    throw ModelError(std::string(file_) + ": byte " + std::to_string(at_) + ": " + what);
  }

 private:
  const std::byte* claim(std::uint64_t n, std::string_view what) {
    const std::byte* const start = bytes_.data() + at_;
    if (n > bytes_.size() - at_) past_end(n, what);
    at_ += n;
    return start;
  }
  [[noreturn]] void past_end(std::uint64_t n, std::string_view what) const {
    fail(printable(what) + ": expected " + std::to_string(n) +
         " more, found the end of the file after " + std::to_string(bytes_.size() - at_) +
         " bytes");
  }

  std::span<const std::byte> bytes_;
  std::uint64_t at_;
  std::string_view file_;
};

}  // namespace nanoflow
