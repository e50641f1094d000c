#pragma once
#include <chrono>
#include <deque>

namespace nanoflow {

/// Tells a mishap from something that is broken for good: too many failures in a short time.
class RestartLimit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  RestartLimit(std::size_t most, std::chrono::seconds within) : most_(most), within_(within) {}

  /// Counts a failure. False: it is one too many.
  bool may_restart(TimePoint now) {
    failures_.push_back(now);
    while (now - failures_.front() > within_) failures_.pop_front();
    return failures_.size() < most_;
  }

 private:
  std::size_t most_;
  std::chrono::seconds within_;
  std::deque<TimePoint> failures_;
};

}  // namespace nanoflow
