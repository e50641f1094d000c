#pragma once
#include <string>
#include <vector>

#include "engine/plan/schedule.hpp"

namespace nanoflow {

/// How two streams share a step: what schedules of them differ in.
struct Overlap {
  /// Each one's part of the work; they sum to 1.
  std::vector<float> nano_batches{0.5F, 0.5F};
  /// Operations of a layer that run on the second stream, beside what the first one does with other
  /// nano-batches; none: whole nano-batches run on both streams in turn, so that whenever they are
  /// not at the same operation, what is bound by memory runs beside what is bound by arithmetic.
  std::vector<OperationKind> apart{};
  float follower_share = 0.5F;  // the second stream's part of the device
};

/// Prologue and epilogue are always shared out by whole nano-batches. An operation reads all of its
/// weights for each nano-batch. The name says what runs beside what.
Schedule overlapped_schedule(const Graph& graph, const std::vector<std::string>& streams,
                             const Overlap& overlap);

/// What is worth trying on a device of so many processors, whatever they are like; the first is
/// sequential. One stream has no other.
std::vector<Schedule> candidate_schedules(const Graph& graph,
                                          const std::vector<std::string>& streams, int n_cpus);

}  // namespace nanoflow
