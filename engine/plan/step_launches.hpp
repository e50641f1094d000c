#pragma once
#include <span>
#include <vector>

#include "engine/plan/program.hpp"

namespace nanoflow {

/// Launches of the whole step in an order that respects their dependencies, and who waits for whom.
///
/// Each launch has a vector clock: how many launches of each stream are known to be done when it is
/// done. A dependency that the clock already covers needs no event. Its vectors keep their memory
/// from step to step.
class StepLaunches {
 public:
  /// Before the first launch of a step.
  void restart(int n_streams);
  /// Returns the launch's index. dependencies: indices of earlier launches; sorted in place.
  int add(const Instruction& instruction, int stream, std::vector<int>& dependencies);
  /// Numbers the events and appends each stream's instructions to programs, [n_streams].
  void emit(std::span<Program* const> programs);

 private:
  static constexpr int none = -1;  // no launch, no event
  struct Launch {
    Instruction instruction;
    int stream = 0;
    int event = none;
    int wait_begin = 0, wait_end = 0;  // in waits_
  };

  int own_clock(int launch) const;
  void merge(std::size_t clock, int launch);

  int n_streams_ = 0;
  std::vector<int> newest_;  // [n_streams], a stream's last launch
  std::vector<Launch> launches_;
  std::vector<int> clocks_;  // [launches, n_streams]
  std::vector<int> waits_;   // producers
};

}  // namespace nanoflow
