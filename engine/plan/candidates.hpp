#pragma once
#include <string>
#include <vector>

#include "engine/plan/schedule.hpp"

namespace nanoflow {

/// Both streams run whole nano-batches, each a half: whenever they are not at the same operation,
/// what is bound by memory runs beside what is bound by arithmetic, and neither waits for the
/// other. Each reads all weights.
Schedule side_by_side_schedule(const Graph& graph, const std::vector<std::string>& streams);

/// Attention of n_nano_batches on the second stream, with `attention_share` of the device, beside
/// everything else of the other nano-batches on the first. Prologue and epilogue are side by side.
Schedule attention_apart_schedule(const Graph& graph, const std::vector<std::string>& streams,
                                  int n_nano_batches, float attention_share);

/// What is worth trying on a device of so many processors; the first is sequential. One stream has
/// no other.
std::vector<Schedule> candidate_schedules(const Graph& graph,
                                          const std::vector<std::string>& streams, int n_cpus);

}  // namespace nanoflow
