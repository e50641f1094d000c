#pragma once
#include <cstddef>
#include <span>

namespace nanoflow {

/// Zeroed memory straight from the kernel: pages that nobody touches cost nothing.
class MappedMemory {
 public:
  MappedMemory() = default;
  /// Asks for huge pages, which spare the TLB in what is read again and again. Throws
  /// std::bad_alloc.
  explicit MappedMemory(std::size_t bytes);
  ~MappedMemory();
  MappedMemory(MappedMemory&& other) noexcept;
  MappedMemory& operator=(MappedMemory&& other) noexcept;

  std::size_t bytes() const { return bytes_; }
  std::byte* data() const { return data_; }
  template <class T>
  std::span<T> as() const {
    return {reinterpret_cast<T*>(data_), bytes_ / sizeof(T)};
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// Lays buffers out one after the other in one mapping, each at the start of a cache line: first
/// every size is asked for, then the memory is there.
class MemoryLayout {
 public:
  /// The buffer's offset.
  std::size_t add(std::size_t bytes) {
    const std::size_t offset = bytes_;
    bytes_ += (bytes + cache_line - 1) / cache_line * cache_line;
    return offset;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t cache_line = 64;
  std::size_t bytes_ = 0;
};

}  // namespace nanoflow
