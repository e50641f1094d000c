#include "engine/plan/candidates.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nanoflow {

namespace {

constexpr int leader = 0, follower = 1;

bool contains(const std::vector<OperationKind>& kinds, OperationKind kind) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

bool is_any_apart(const Block& block, const std::vector<OperationKind>& apart) {
  return std::any_of(block.operations.begin(), block.operations.end(),
                     [&](const Operation& operation) { return contains(apart, operation.kind); });
}

/// What lies between two changes of the stream is a stage: one nano-batch's, then the next one's,
/// so that a stream does a stage of the one while the other stream does the next stage of another.
void interleave(std::vector<NanoOperation>& launches) {
  std::vector<int> stage_of;  // [operations]
  int stage = 0, stream = launches.front().stream;
  for (const auto& launch : launches) {
    if (launch.nano_begin > 0) continue;
    if (std::exchange(stream, launch.stream) != launch.stream) ++stage;
    stage_of.push_back(stage);
  }
  const auto turn = [&](const NanoOperation& launch) {
    return std::pair(stage_of[static_cast<std::size_t>(launch.operation)], launch.nano_begin);
  };
  std::stable_sort(launches.begin(), launches.end(),
                   [&](const auto& a, const auto& b) { return turn(a) < turn(b); });
}

std::string per_cent(float part) {
  return std::to_string(std::lround(part * 100)) + "%";
}

bool are_equal(const std::vector<float>& parts) {
  return std::all_of(parts.begin(), parts.end(),
                     [&](float part) { return std::abs(part - parts.front()) < 1e-3F; });
}

std::string name_of(const Overlap& overlap) {
  std::string name;
  for (const auto kind : overlap.apart) {
    name += name.empty() ? "" : " and ";
    name += to_string(kind);
  }
  name = overlap.apart.empty() ? "side by side" : name + " apart";
  const auto& parts = overlap.nano_batches;
  if (!are_equal(parts)) {
    name += ", ";
    for (std::size_t i = 0; i < parts.size(); ++i)
      name += (i > 0 ? " + " : "") + per_cent(parts[i]);
  } else if (parts.size() != 2 || !overlap.apart.empty()) {
    name += ", " + std::to_string(parts.size()) + " nano-batches";
  }
  if (std::abs(overlap.follower_share - 0.5F) > 1e-3F)
    name += ", on " + per_cent(overlap.follower_share) + " of the device";
  return name;
}

}  // namespace

Schedule overlapped_schedule(const Graph& graph, const std::vector<std::string>& streams,
                             const Overlap& overlap) {
  auto schedule = split_schedule(graph, static_cast<int>(overlap.nano_batches.size()));
  schedule.name = name_of(overlap);
  schedule.streams = streams;
  schedule.nano_batches = overlap.nano_batches;
  for (std::size_t i = 0; i < graph.blocks.size(); ++i) {
    const auto& block = graph.blocks[i];
    const bool is_apart = is_any_apart(block, overlap.apart);
    for (auto& launch : schedule.blocks[i]) {
      const auto kind = block.operations[static_cast<std::size_t>(launch.operation)].kind;
      const bool follows = is_apart ? contains(overlap.apart, kind) : launch.nano_begin % 2 == 1;
      launch.stream = follows ? follower : leader;
      launch.share = follows ? overlap.follower_share : 1.0F - overlap.follower_share;
      launch.mechanism = Mechanism::partition;
    }
    if (is_apart) interleave(schedule.blocks[i]);
  }
  return schedule;
}

std::vector<Schedule> candidate_schedules(const Graph& graph,
                                          const std::vector<std::string>& streams, int n_cpus) {
  std::vector<Schedule> candidates{sequential_schedule(graph)};
  if (streams.size() < 2 || n_cpus < 2) return candidates;
  candidates.push_back(overlapped_schedule(graph, streams, {}));
  // A quarter of the processors reads memory as fast as all of them, or nearly.
  const float share = share_of_cpus(0.25F, n_cpus);
  for (const std::size_t n : {2, 4})
    candidates.push_back(
        overlapped_schedule(graph, streams,
                            {.nano_batches = std::vector<float>(n, 1.0F / static_cast<float>(n)),
                             .apart = {OperationKind::attention},
                             .follower_share = share}));
  return candidates;
}

}  // namespace nanoflow
