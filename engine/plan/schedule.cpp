#include "engine/plan/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

namespace nanoflow {

BatchSignature batch_signature(const Step& step) {
  BatchSignature signature;
  std::int64_t context = 0;
  for (const auto& sequence : step.sequences) {
    signature.n_tokens += sequence.n_rows;
    signature.n_decode += sequence.n_rows - sequence.n_draft == 1 ? 1 : 0;
    signature.n_draft += sequence.n_draft;
    context += sequence.position + sequence.n_rows;
  }
  if (!step.sequences.empty())
    signature.mean_context = static_cast<int>(context / std::ssize(step.sequences));
  return signature;
}

Schedule split_schedule(const Graph& graph, int n_nano_batches) {
  if (n_nano_batches < 1)
    throw std::logic_error("split_schedule: expected at least one nano-batch, found " +
                           std::to_string(n_nano_batches));
  Schedule schedule;
  schedule.name = "split " + std::to_string(n_nano_batches);
  schedule.streams = {"compute"};
  schedule.nano_batches.assign(n_nano_batches, 1.0F / static_cast<float>(n_nano_batches));
  for (const auto& block : graph.blocks) {
    auto& order = schedule.blocks.emplace_back();
    for (int operation = 0; operation < std::ssize(block.operations); ++operation)
      for (int nano = 0; nano < n_nano_batches; ++nano)
        order.push_back({.operation = operation, .nano_begin = nano, .nano_end = nano + 1});
  }
  return schedule;
}

float share_of_cpus(float part, int n_cpus) {
  const auto all = static_cast<float>(n_cpus);
  return std::max(1.0F, std::round(part * all)) / all;
}

Schedule sequential_schedule(const Graph& graph) {
  auto schedule = split_schedule(graph, 1);
  schedule.name = "sequential";
  return schedule;
}

}  // namespace nanoflow
