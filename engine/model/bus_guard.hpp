#pragma once
#include <cstddef>
#include <span>

namespace nanoflow {

/// Reading a mapped file behind its end (it was cut, or its disk fails) raises SIGBUS, which would
/// kill the daemon without a word. While a guard covers a mapping, such reads see zeros instead,
/// from the page on where it happened, and the guard knows that it happened. A SIGBUS anywhere else
/// goes the way it went before.
class BusGuard {
 public:
  /// Throws ModelError when too many files are mapped.
  explicit BusGuard(std::span<const std::byte> mapping);
  ~BusGuard();  // before the mapping is given back
  BusGuard(const BusGuard&) = delete;
  BusGuard& operator=(const BusGuard&) = delete;

  bool tripped() const;

 private:
  std::size_t slot_;
};

}  // namespace nanoflow
