#include "engine/plan/candidates.hpp"

#include <algorithm>
#include <cmath>

namespace nanoflow {

namespace {

constexpr int leader = 0, follower = 1;

/// Position of attention in a layer's block; none where it is a prologue or an epilogue.
int attention_of(const Block& block) {
  const auto found =
      std::find_if(block.operations.begin(), block.operations.end(),
                   [](const Operation& o) { return o.kind == OperationKind::attention; });
  return found == block.operations.end() ? -1 : static_cast<int>(found - block.operations.begin());
}

void share_out(Schedule& schedule, float leader_share) {
  for (auto& block : schedule.blocks)
    for (auto& launch : block) {
      launch.share = launch.stream == leader ? leader_share : 1.0F - leader_share;
      launch.mechanism = Mechanism::partition;
    }
}

/// One nano-batch up to its attention, then the next one; then what follows attention, likewise:
/// so that the one's attention runs while the other's products do.
void interleave(std::vector<NanoOperation>& launches, int attention) {
  std::stable_sort(launches.begin(), launches.end(), [&](const auto& a, const auto& b) {
    const bool a_after = a.operation > attention, b_after = b.operation > attention;
    return a_after != b_after ? b_after : a.nano_begin < b.nano_begin;
  });
}

}  // namespace

Schedule side_by_side_schedule(const Graph& graph, const std::vector<std::string>& streams) {
  auto schedule = split_schedule(graph, 2);
  schedule.name = "side by side";
  schedule.streams = streams;
  for (auto& block : schedule.blocks)
    for (auto& launch : block) launch.stream = launch.nano_begin == 0 ? leader : follower;
  share_out(schedule, 0.5F);
  return schedule;
}

Schedule attention_apart_schedule(const Graph& graph, const std::vector<std::string>& streams,
                                  int n_nano_batches, float attention_share) {
  auto schedule = split_schedule(graph, n_nano_batches);
  schedule.name = "attention apart, " + std::to_string(n_nano_batches) + " nano-batches";
  schedule.streams = streams;
  for (std::size_t i = 0; i < graph.blocks.size(); ++i) {
    const int attention = attention_of(graph.blocks[i]);
    for (auto& launch : schedule.blocks[i]) {
      const bool follows =
          attention < 0 ? launch.nano_begin % 2 == 1 : launch.operation == attention;
      launch.stream = follows ? follower : leader;
    }
    if (attention >= 0) interleave(schedule.blocks[i], attention);
  }
  share_out(schedule, 1.0F - attention_share);
  return schedule;
}

std::vector<Schedule> candidate_schedules(const Graph& graph,
                                          const std::vector<std::string>& streams, int n_cpus) {
  std::vector<Schedule> candidates{sequential_schedule(graph)};
  if (streams.size() < 2 || n_cpus < 2) return candidates;
  candidates.push_back(side_by_side_schedule(graph, streams));
  // A quarter of the processors reads memory as fast as all of them, or nearly.
  const float share =
      std::max(1.0F, std::round(static_cast<float>(n_cpus) / 4)) / static_cast<float>(n_cpus);
  for (const int n : {2, 4})
    candidates.push_back(attention_apart_schedule(graph, streams, n, share));
  return candidates;
}

}  // namespace nanoflow
