#include "engine/device/cpu_model.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "kernels/peaks/loops.hpp"

namespace nanoflow {

namespace {

kernels::Element kv_element(KvFormat kv) {
  switch (kv) {
    case KvFormat::f32:
      return kernels::Element::f32;
    case KvFormat::bf16:
      return kernels::Element::bf16;
    case KvFormat::int8:
      return kernels::Element::int8;
    case KvFormat::automatic:
      break;
  }
  throw std::logic_error("the format of keys and values is not resolved");
}

/// The step's KV pages lie one after the other; a page holds every layer's part of it.
kernels::KvPages kv_pages(const ModelConfig& config, KvFormat kv, void* data) {
  kernels::KvPages pages;
  pages.element = kv_element(kv);
  pages.n_kv_heads = config.n_kv_heads;
  pages.head_dim = config.head_dim;
  pages.page_stride = kernels::kv_page_bytes(pages.element, config.n_kv_heads, config.head_dim) *
                      static_cast<std::size_t>(config.n_layers);
  pages.data = data;
  return pages;
}

void check_options(const LoadOptions& options) {
  const auto positive = [](const char* what, int value) {
    if (value < 1)
      throw std::logic_error(std::string("load: ") + what + " is " + std::to_string(value) +
                             ", expected at least 1");
  };
  positive("n_pages", options.n_pages);
  positive("n_slots", options.n_slots);
  positive("max_step_tokens", options.max_step_tokens);
}

LoadOptions resolved(LoadOptions options) {
  options.kv = resolve(options.kv, options.weights);
  return options;
}

/// What the program's launches compute and read from memory, by the graph's count of the whole
/// step's. Activations stay in caches.
void add_costs(const Graph& graph, CpuProgram& program) {
  program.flops = program.bytes = 0;
  for (const auto& instruction : program.instructions) {
    if (instruction.type != Instruction::Type::launch) continue;
    const auto& operation = graph.blocks[instruction.block].operations[instruction.operation];
    const double part =
        operation.sampled_rows
            ? static_cast<double>(instruction.sampled_end - instruction.sampled_begin) /
                  static_cast<double>(program.shape.n_sampled)
            : static_cast<double>(instruction.row_end - instruction.row_begin) /
                  static_cast<double>(program.shape.n_tokens);
    program.flops += operation.flops(program.shape) * part;
    program.bytes += operation.read_bytes(program.shape) * part;
  }
}

}  // namespace

std::uint64_t cpu_page_bytes(const ModelConfig& config, KvFormat kv) {
  return kv_pages(config, kv, nullptr).page_stride;
}

CpuModel::CpuModel(std::shared_ptr<const Checkpoint> checkpoint, const LoadOptions& options,
                   const CpuSizes& device)
    : checkpoint_((check_options(options), std::move(checkpoint))),
      options_(resolved(options)),
      n_cpus_(device.n_cpus),
      n_streams_(device.n_streams),
      graph_(build_graph(checkpoint_->config())),
      weights_(load_cpu_weights(*checkpoint_, options.weights, device.n_cpus, options.progress)),
      weight_bytes_(weights_.bytes_each()),
      kv_bytes_(kv_number_bytes(options_.kv, checkpoint_->config().head_dim)),
      kv_(cpu_page_bytes(checkpoint_->config(), options_.kv) *
          static_cast<std::size_t>(options.n_pages)),
      workspace_(checkpoint_->config(), {.max_rows = options.max_step_tokens,
                                         .max_sampled = options.n_slots + max_draft_rows,
                                         .n_workers = device.n_workers,
                                         .n_streams = device.n_streams,
                                         .keep_logits = options.keep_logits}),
      slots_(options.n_slots),
      forward_(checkpoint_->config(), weights_,
               kv_pages(checkpoint_->config(), options_.kv, kv_.data()), workspace_, slots_) {
  options_.progress = nullptr;  // the loading is over
  for (auto& buffer : buffers_) {
    buffer.programs.resize(static_cast<std::size_t>(n_streams_));
    for (auto& program : buffer.programs) {
      program.forward = &forward_;
      program.buffer = &buffer.step;
      buffer.targets.push_back(&program);
    }
  }
}

std::uint64_t CpuModel::bytes() const {
  return weights_.memory.bytes() + weights_.embedding_memory.bytes() + kv_.bytes() +
         workspace_.memory.bytes();
}

std::vector<std::shared_ptr<const Program>> CpuModel::prepare(const Step& step,
                                                              const Schedule& schedule) {
  auto& buffer = this->buffer(step.number);
  buffer.step.assign(step, {.n_pages = options_.n_pages,
                            .n_slots = options_.n_slots,
                            .max_step_tokens = options_.max_step_tokens,
                            .max_sampled = options_.n_slots + max_draft_rows,
                            .vocab_size = checkpoint_->config().vocab_size});
  compiler_.compile(graph_, schedule, step, buffer.targets);
  const std::size_t n_programs = schedule.streams.size();
  buffer.step.events.reset(buffer.programs.front().n_events);
  buffer.step.restart(n_programs);
  std::vector<std::shared_ptr<const Program>> programs;
  programs.reserve(n_programs);
  const auto model = shared_from_this();
  for (auto& program : std::span(buffer.programs).first(n_programs)) {
    program.shape.weight_bytes = weight_bytes_;
    program.shape.kv_bytes = kv_bytes_;
    add_costs(graph_, program);
    programs.emplace_back(model, &program);  // whoever holds it holds the model
  }
  return programs;
}

std::uint64_t CpuModel::page_bytes() const {
  return cpu_page_bytes(checkpoint_->config(), options_.kv);
}

std::span<std::byte> CpuModel::page(PageId page) const {
  if (page < 0 || page >= options_.n_pages)
    throw std::logic_error("page " + std::to_string(page) + " of " +
                           std::to_string(options_.n_pages) + " is copied");
  const std::size_t bytes = page_bytes();
  return {kv_.data() + static_cast<std::size_t>(page) * bytes, bytes};
}

void CpuModel::copy_out(PageId page, std::span<std::byte> bytes) const {
  const auto from = this->page(page);
  std::copy_n(from.begin(), bytes.size(), bytes.begin());
}

void CpuModel::copy_in(PageId page, std::span<const std::byte> bytes) {
  std::copy(bytes.begin(), bytes.end(), this->page(page).begin());
}

void CpuModel::begin_probes() {
  probe_ = std::make_shared<CpuProbe>(checkpoint_->config(), weights_,
                                      kv_pages(checkpoint_->config(), options_.kv, nullptr),
                                      workspace_, slots_, n_cpus_);
}

std::vector<std::shared_ptr<const Program>> CpuModel::prepare_probe(const Probe& probe) {
  if (!probe_) throw std::logic_error("a probe before begin_probes");
  struct Owner {
    std::shared_ptr<const CpuModel> model;
    std::shared_ptr<const CpuProbe> probe;
  };
  const auto owner = std::make_shared<const Owner>(Owner{shared_from_this(), probe_});
  std::vector<std::shared_ptr<const Program>> programs;
  for (auto& program : probe_->programs(graph_, probe)) {
    program->owner = owner;
    programs.push_back(std::move(program));
  }
  return programs;
}

ProbeLimits CpuModel::probe_limits() const {
  return {.n_streams = n_streams_,
          .max_rows = options_.max_step_tokens,
          .max_sampled = options_.n_slots,
          .peaks = kernels::peak_loops() != nullptr};
}

const CpuStep& CpuModel::finished(std::uint64_t step_number) const {
  const auto& step = buffers_[step_number % buffers_.size()].step;
  if (step.number != step_number)
    throw std::logic_error("result of step " + std::to_string(step_number) +
                           ": its buffer holds step " + std::to_string(step.number));
  return step;
}

StepResult CpuModel::result(std::uint64_t step_number) {
  return finished(step_number).result();
}

std::vector<LaunchSpan> CpuModel::launches(std::uint64_t step_number) const {
  std::vector<LaunchSpan> all;
  for (const auto& stream : finished(step_number).launches)
    all.insert(all.end(), stream.begin(), stream.end());
  return all;
}

std::span<const float> CpuModel::logits(std::uint64_t step_number, int sampled) const {
  const auto& step = finished(step_number);
  if (sampled < 0 || sampled >= std::ssize(step.sampled))
    throw std::logic_error("logits of row " + std::to_string(sampled) + ": the step samples " +
                           std::to_string(step.sampled.size()));
  const std::size_t vocab_size = checkpoint_->config().vocab_size;
  return {workspace_.logits + static_cast<std::size_t>(sampled) * vocab_size, vocab_size};
}

void CpuModel::check(const Schedule& schedule) const {
  check_schedule(graph_, schedule, n_streams_);
}

}  // namespace nanoflow
