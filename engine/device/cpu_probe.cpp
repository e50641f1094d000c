#include "engine/device/cpu_probe.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "engine/device/cpu_model.hpp"

namespace nanoflow {

namespace {

constexpr std::size_t most_kv_bytes = 128U << 20U;  // more than caches hold

kernels::KvPages with_data(kernels::KvPages pages, void* data) {
  pages.data = data;
  return pages;
}

/// Where the operation is: the layers that have it, or the epilogue.
struct Place {
  int block = 0, operation = 0;
  std::vector<int> layers;
};

Place find(const Graph& graph, OperationKind kind) {
  for (int block = 0; block < std::ssize(graph.blocks); ++block) {
    const auto& operations = graph.blocks[block].operations;
    const auto found = std::find_if(operations.begin(), operations.end(),
                                    [&](const Operation& o) { return o.kind == kind; });
    if (found == operations.end()) continue;
    Place place{block, static_cast<int>(found - operations.begin()), {}};
    for (int layer = 0; layer < std::ssize(graph.layers); ++layer)
      if (graph.layers[layer] == block) place.layers.push_back(layer);
    if (place.layers.empty()) place.layers.push_back(0);
    return place;
  }
  throw std::logic_error("probe: the model has no " + std::string(to_string(kind)));
}

}  // namespace

CpuProbe::CpuProbe(const ModelConfig& config, const CpuWeights& weights, kernels::KvPages pages,
                   CpuWorkspace& workspace, std::vector<CpuSlot>& slots)
    : n_pages_(static_cast<int>(std::max<std::size_t>(1, most_kv_bytes / pages.page_stride))),
      kv_(static_cast<std::size_t>(n_pages_) * pages.page_stride),
      forward_(config, weights, with_data(pages, kv_.data()), workspace, slots) {
  std::memset(kv_.data(), 0x3c, kv_.bytes());  // small numbers; and memory that is really there
}

/// Rows of the first load, then those of the second. A row is a sequence; all share the pages.
Step CpuProbe::made_up_step(const Probe& probe) const {
  static const auto greedy = std::make_shared<const SamplingParams>();
  Step step;
  step.number = 1;
  int page = 0;
  for (const auto& load : probe)
    for (int row = 0; row < load.n_rows; ++row) {
      auto& sequence = step.sequences.emplace_back();
      sequence.slot = static_cast<SlotId>(step.sequences.size()) - 1;
      sequence.position = load.context - 1;
      sequence.n_rows = 1;
      sequence.tokens = {0};
      for (int first = 0; first < load.context; first += page_size)
        sequence.pages.push_back(page++ % n_pages_);
      sequence.samples = load.kind == OperationKind::lm_head;
      if (sequence.samples) sequence.sampling = greedy;
    }
  return step;
}

std::vector<std::shared_ptr<CpuProgram>> CpuProbe::programs(const Graph& graph,
                                                            const Probe& probe) {
  const auto step = made_up_step(probe);
  step_.assign(step, {.n_pages = n_pages_,
                      .n_slots = step.n_tokens(),
                      .max_step_tokens = step.n_tokens(),
                      .max_sampled = step.n_tokens(),
                      .vocab_size = 1});
  step_.timelines.assign(probe.size(), {});
  std::vector<std::shared_ptr<CpuProgram>> programs;
  int row = 0, sampled = 0;
  for (const auto& load : probe) {
    const auto place = find(graph, load.kind);
    auto program = std::make_shared<CpuProgram>();
    program->stream = static_cast<int>(programs.size());
    program->share = load.share;
    program->forward = &forward_;
    program->buffer = &step_;
    Instruction launch;
    launch.kind = load.kind;
    launch.block = place.block;
    launch.operation = place.operation;
    launch.row_begin = row;
    launch.row_end = row += load.n_rows;
    launch.sampled_begin = sampled;
    launch.sampled_end = sampled += load.kind == OperationKind::lm_head ? load.n_rows : 0;
    launch.share = load.share;
    for (int i = 0; i < load.n_launches; ++i) {
      launch.layer = place.layers[static_cast<std::size_t>(i) % place.layers.size()];
      program->instructions.push_back(launch);
    }
    programs.push_back(std::move(program));
  }
  return programs;
}

}  // namespace nanoflow
