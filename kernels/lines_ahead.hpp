// Memory that is read next, asked for ahead of need. Only *_cpu.cpp files include this.
#pragma once
#include <cstddef>

#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

/// Lines of 64 bytes in the order in which they are read, asked for some at a time: into the
/// second-level cache, since the first can wait for few lines at once.
class LinesAhead {
 public:
  static constexpr int most_parts = 12;

  /// bytes: a multiple of 64.
  void add(const std::byte* from, std::size_t bytes) {
    const char* begin = reinterpret_cast<const char*>(from);
    parts_[end_++] = {begin, begin + bytes};
  }
  /// Lines not yet asked for.
  int left() const {
    std::ptrdiff_t bytes = part_.end - part_.begin;
    for (int i = next_; i < end_; ++i) bytes += parts_[i].end - parts_[i].begin;
    return static_cast<int>(bytes / 64);
  }
  NANOFLOW_INLINE void ask(int n) {
    if (part_.end - part_.begin >= 64 * n) {  // nearly always
      for (int i = 0; i < n; ++i) __builtin_prefetch(part_.begin + 64 * i, 0, 2);
      part_.begin += 64 * n;
      return;
    }
    for (; n > 0; --n, part_.begin += 64) {
      if (part_.begin == part_.end) {
        if (next_ == end_) return;
        part_ = parts_[next_++];
      }
      __builtin_prefetch(part_.begin, 0, 2);
    }
  }
  /// Asks for all that is left, whereupon other parts may be added.
  void finish() {
    ask(left());
    next_ = end_ = 0;
  }

 private:
  struct Part {
    const char *begin, *end;
  };
  Part part_ = {nullptr, nullptr};  // what is left of the present one
  Part parts_[most_parts];
  int next_ = 0, end_ = 0;  // of parts_
};

}  // namespace nanoflow::kernels::NANOFLOW_ISA
