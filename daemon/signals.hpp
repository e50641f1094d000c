// What main waits for: signals, and calls from other threads.
#pragma once
#include <chrono>
#include <optional>

namespace nanoflow {

/// Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it starts, so make it first.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// A signal's number; 0 after wake() or when the time is over (none: never).
  int wait(std::optional<std::chrono::microseconds> timeout);
  void wake();  // from any thread

 private:
  int signals_ = -1, wakes_ = -1;
};

}  // namespace nanoflow
