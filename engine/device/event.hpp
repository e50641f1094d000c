#pragma once
#include <atomic>
#include <cstdint>
#include <deque>

#include "engine/device/team.hpp"

namespace nanoflow {

/// Something that one stream does and others wait for, in a cache line of its own.
class alignas(64) Event {
 public:
  void reset() { recorded_.store(0, std::memory_order_relaxed); }
  void record() {
    recorded_.store(1, std::memory_order_release);
    recorded_.notify_all();
  }
  void wait() const { await_change(recorded_, 0); }

 private:
  std::atomic<std::uint32_t> recorded_ = 0;
};

/// Events of one step, used again by the step after next.
class EventPool {
 public:
  void reset(int n) {
    while (static_cast<int>(events_.size()) < n) events_.emplace_back();
    for (int i = 0; i < n; ++i) events_[i].reset();
  }
  Event& operator[](int i) { return events_[i]; }

 private:
  std::deque<Event> events_;  // their addresses stay
};

}  // namespace nanoflow
