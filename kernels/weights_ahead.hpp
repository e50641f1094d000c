// Weights that a product reads next, asked for while it multiplies: what memory takes to deliver a
// panel passes beside the arithmetic of the one before. Only *_cpu.cpp files include this.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/panels.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

/// Up to so many rows read weights as a stream, which the processor recognises by itself.
inline constexpr int streaming_rows = 4;

/// Which slice of which panel comes after one of a block of panels, of which all have the first
/// slice of inputs multiplied, then all the next one.
struct NextSlice {
  int panel, first;  // first: of its inputs, in whatever a slice is counted in

  NANOFLOW_INLINE NextSlice(Range panels, int after_panel, int after_first, int slice, int n)
      : panel(after_panel + 1), first(after_first) {
    if (panel < panels.end) return;
    first += slice;
    if (first < n)
      panel = panels.begin;
    else
      first = 0;
  }
};

/// A slice's lines, into the second-level cache, a few at a time.
class WeightsAhead {
 public:
  WeightsAhead() = default;
  /// n_times: how often ask will be called.
  WeightsAhead(const void* data, std::size_t bytes, int n_times)
      : next_(static_cast<const char*>(data)),
        end_(next_ + bytes),
        step_(static_cast<std::ptrdiff_t>(bytes / static_cast<std::size_t>(n_times)) / 64 * 64 +
              64) {}
  NANOFLOW_INLINE void ask() {
    const char* const stop = end_ - next_ > step_ ? next_ + step_ : end_;
    for (; next_ < stop; next_ += 64) __builtin_prefetch(next_, 0, 2);
  }

 private:
  const char *next_ = nullptr, *end_ = nullptr;
  std::ptrdiff_t step_ = 0;  // bytes each time
};

}  // namespace nanoflow::kernels::NANOFLOW_ISA
