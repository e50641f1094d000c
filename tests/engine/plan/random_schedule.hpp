// Random steps and random valid schedules.
#pragma once
#include <random>

#include "engine/plan/schedule.hpp"

namespace nanoflow::test {

using Random = std::mt19937;

inline int pick(Random& random, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(random);
}

inline Step random_step(Random& random) {
  Step step;
  step.number = 1;
  const int n = pick(random, 1, 9);
  for (int index = 0; index < n; ++index) {
    auto& sequence = step.sequences.emplace_back();
    sequence.slot = index;
    sequence.position = pick(random, 0, 100);
    sequence.n_rows = pick(random, 0, 2) == 0 ? pick(random, 2, 40) : 1;
    sequence.samples = pick(random, 0, 3) != 0;
    if (sequence.n_rows > 1 && pick(random, 0, 1) == 0)
      sequence.n_draft = pick(random, 1, sequence.n_rows - 1);
  }
  return step;
}

/// The nano-batches [0, n) in consecutive groups.
inline std::vector<NanoOperation> random_groups(Random& random, int operation, int n_nano,
                                                int n_streams) {
  std::vector<NanoOperation> groups;
  for (int begin = 0; begin < n_nano;) {
    const int end = pick(random, begin + 1, n_nano);
    groups.push_back({operation, begin, end, pick(random, 0, n_streams - 1)});
    begin = end;
  }
  return groups;
}

/// Whether everything that the launch reads is among those launched.
inline bool ready(const Block& block, const NanoOperation& next,
                  const std::vector<NanoOperation>& launched) {
  const auto& operation = block.operations[next.operation];
  const bool attends = operation.kind == OperationKind::attention;
  for (const int input : operation.inputs)
    for (int nano = attends ? 0 : next.nano_begin; nano < next.nano_end; ++nano) {
      bool found = false;
      for (const auto& other : launched)
        found |= other.operation == input && other.nano_begin <= nano && nano < other.nano_end;
      if (!found) return false;
    }
  return true;
}

inline std::vector<NanoOperation> random_order(Random& random, const Block& block, int n_nano,
                                               int n_streams) {
  std::vector<NanoOperation> open, order;
  for (int operation = 0; operation < std::ssize(block.operations); ++operation)
    for (const auto& group : random_groups(random, operation, n_nano, n_streams))
      open.push_back(group);
  while (!open.empty()) {
    const int index = pick(random, 0, static_cast<int>(open.size()) - 1);
    if (!ready(block, open[index], order)) continue;
    order.push_back(open[index]);
    open.erase(open.begin() + index);
  }
  return order;
}

inline Schedule random_schedule(Random& random, const Graph& graph, int max_streams = 3) {
  Schedule schedule;
  schedule.name = "random";
  const int n_nano = pick(random, 1, 4);
  const int n_streams = pick(random, 1, max_streams);
  float sum = 0;
  for (int nano = 0; nano < n_nano; ++nano) {
    schedule.nano_batches.push_back(static_cast<float>(pick(random, 1, 5)));
    sum += schedule.nano_batches.back();
  }
  for (auto& part : schedule.nano_batches) part /= sum;
  for (int stream = 0; stream < n_streams; ++stream)
    schedule.streams.push_back("stream " + std::to_string(stream));
  for (const auto& block : graph.blocks)
    schedule.blocks.push_back(random_order(random, block, n_nano, n_streams));
  return schedule;
}

}  // namespace nanoflow::test
