#pragma once
#include <chrono>
#include <cstdint>

namespace nanoflow {

/// As timelines have it (ProgramTimeline): of the steady clock.
inline std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace nanoflow
