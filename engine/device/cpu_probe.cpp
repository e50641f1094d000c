#include "engine/device/cpu_probe.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "engine/device/cpu_model.hpp"
#include "kernels/peaks/loops.hpp"

namespace nanoflow {

namespace {

constexpr std::size_t most_kv_bytes = 128U << 20U;  // more than caches hold

kernels::KvPages with_data(kernels::KvPages pages, void* data) {
  pages.data = data;
  return pages;
}

using PeakLoop = double (*)(long rounds);

PeakLoop peak_loop(kernels::Element element) {
  const auto* loops = kernels::peak_loops();
  if (loops == nullptr) throw std::logic_error("a probe of peaks that cannot be measured");
  switch (element) {
    case kernels::Element::f32:
      return loops->f32;
    case kernels::Element::bf16:
      return loops->bf16;
    case kernels::Element::int8:
      return loops->int8;
    case kernels::Element::int4:
      return loops->int4;
  }
  throw std::logic_error("weights of an unknown format");
}

/// So many rounds take a few milliseconds.
long enough_rounds(PeakLoop loop) {
  using Clock = std::chrono::steady_clock;
  constexpr long few = 10'000;
  constexpr double wanted_s = 4e-3;
  loop(few);
  const auto begin = Clock::now();
  loop(few);
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  return static_cast<long>(few * std::max(1.0, wanted_s / std::max(took, 1e-6)));
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
                   CpuWorkspace& workspace, std::vector<CpuSlot>& slots, int n_cpus)
    : n_cpus_(n_cpus),
      element_(weights.main_element()),
      n_pages_(static_cast<int>(std::max<std::size_t>(1, most_kv_bytes / pages.page_stride))),
      kv_(static_cast<std::size_t>(n_pages_) * pages.page_stride),
      forward_(config, weights, with_data(pages, kv_.data()), workspace, slots) {
  std::memset(kv_.data(), 0x3c, kv_.bytes());  // small numbers; and memory that is really there
}

/// Rows of the first load, then those of the second. A row is a sequence; all share the pages.
Step CpuProbe::made_up_step(const Probe& probe) const {
  static const auto greedy = [] {
    auto params = std::make_shared<SamplingParams>();
    params->temperature = 0;
    return std::shared_ptr<const SamplingParams>(params);
  }();
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
      std::vector<PageId> pages;
      for (int first = 0; first < load.context; first += page_size)
        pages.push_back(page++ % n_pages_);
      sequence.pages = std::move(pages);
      sequence.samples = load.kind == OperationKind::lm_head;
      if (sequence.samples) sequence.sampling = greedy;
    }
  return step;
}

/// On all processors: each does its part, none waits for another.
std::shared_ptr<CpuProgram> CpuProbe::multiply(int n_launches) {
  const auto loop = peak_loop(element_);
  const long rounds = n_launches * enough_rounds(loop);
  auto program = std::make_shared<CpuProgram>();
  program->flops = n_cpus_ * static_cast<double>(rounds) * loop(1);
  program->work = [loop, rounds](int) { loop(rounds); };
  return program;
}

std::shared_ptr<CpuProgram> CpuProbe::read(int n_launches) {
  constexpr std::size_t unit = 4096;
  const std::size_t part = kv_.bytes() / static_cast<std::size_t>(n_cpus_) / unit * unit;
  auto program = std::make_shared<CpuProgram>();
  program->bytes = static_cast<double>(n_launches) * n_cpus_ * static_cast<double>(part);
  program->work = [this, n_launches, part](int worker) {
    const auto* begin = kv_.data() + static_cast<std::size_t>(worker) * part;
    for (int i = 0; i < n_launches; ++i) read_ ^= kernels::peak_loops()->read(begin, part);
  };
  return program;
}

std::vector<std::shared_ptr<CpuProgram>> CpuProbe::programs(const Graph& graph,
                                                            const Probe& probe) {
  using Peak = ProbeLoad::Peak;
  step_.restart(probe.size());
  if (const auto& load = probe.front(); load.peak != Peak::none) {
    auto program = load.peak == Peak::products ? multiply(load.n_launches) : read(load.n_launches);
    program->buffer = &step_;
    return {program};
  }
  const auto step = made_up_step(probe);
  step_.assign(step, {.n_pages = n_pages_,
                      .n_slots = step.n_tokens(),
                      .max_step_tokens = step.n_tokens(),
                      .max_sampled = step.n_tokens(),
                      .vocab_size = 1});
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
