#include "engine/device/cpu_workspace.hpp"

#include <algorithm>
#include <functional>

#include "engine/device/processors.hpp"
#include "kernels/attention.hpp"
#include "kernels/sample.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow {

namespace {

constexpr std::ptrdiff_t floats_a_page = 1024;

bool has_layers(const ModelConfig& config, bool experts) {
  return std::any_of(config.layers.begin(), config.layers.end(),
                     [&](const LayerConfig& layer) { return layer.experts == experts; });
}

kernels::RopePairs kernel_pairs(Rope::Pairs pairs) {
  return pairs == Rope::Pairs::interleaved ? kernels::RopePairs::interleaved
                                           : kernels::RopePairs::halves;
}

/// Buffers are asked for first, then placed: each knows its place in the mapping.
class Placement {
 public:
  template <class T>
  void add(T*& buffer, std::size_t rows, std::size_t columns) {
    const std::size_t offset = layout_.add(rows * columns * sizeof(T));
    places_.push_back(
        [&buffer, offset](std::byte* base) { buffer = reinterpret_cast<T*>(base + offset); });
  }
  /// columns: the longest row.
  void add(PreparedRows& buffer, std::size_t rows, int columns) {
    const std::size_t strided = PreparedRows::stride(rows);
    const int blocks = kernels::n_input_blocks(columns);
    add(buffer.rounded.values, strided, blocks * kernels::block_inputs);
    const int groups = (columns + kernels::group_inputs - 1) / kernels::group_inputs;
    auto& quantized = buffer.quantized;
    add(quantized.values, strided, groups * kernels::group_inputs);
    add(quantized.sums, strided, groups);
    add(quantized.scales, strided, kernels::n_spans(columns));
    add(quantized.starts, strided, kernels::n_spans(columns));
  }
  MappedMemory place() const {
    MappedMemory memory(layout_.bytes());
    for (const auto& place : places_) place(memory.data());
    return memory;
  }

 private:
  MemoryLayout layout_;
  std::vector<std::function<void(std::byte*)>> places_;
};

}  // namespace

PreparedRows PreparedRows::for_rows(std::size_t n) const {
  PreparedRows strided = *this;
  strided.rounded.n_rows = strided.quantized.n_rows = stride(n);
  return strided;
}

CpuWorkspace::CpuWorkspace(const ModelConfig& config, const Sizes& sizes)
    : n_workers(sizes.n_workers), keep_logits(sizes.keep_logits), max_sampled_(sizes.max_sampled) {
  Placement placement;
  const std::size_t rows = sizes.max_rows, dim = config.dim;
  placement.add(x, rows, dim);
  placement.add(normed, rows, dim);
  placement.add(qkv, rows, config.q_dim() + 2 * config.kv_dim());
  placement.add(projection, rows, dim);
  if (has_layers(config, false)) placement.add(gate_up, rows, 2 * config.ffn_dim);
  for (const auto& rope : config.ropes)
    ropes.push_back({kernel_pairs(rope.pairs), config.head_dim, nullptr, nullptr});
  for (auto& table : ropes) {
    placement.add(table.cos, rows, config.head_dim / 2);
    placement.add(table.sin, rows, config.head_dim / 2);
  }
  if (has_layers(config, true)) {
    const auto& experts = config.experts;
    const std::size_t pairs = rows * experts.n_used;
    placement.add(router_logits, rows, experts.n_experts);
    placement.add(chosen, rows, experts.n_used);
    placement.add(chosen_weights, rows, experts.n_used);
    placement.add(pair_slots, rows, experts.n_used);
    placement.add(pair_rows, pairs, 1);
    placement.add(pair_inputs, pairs, dim);
    placement.add(pair_gate_up, pairs, 2 * experts.ffn_dim);
    placement.add(pair_outputs, pairs, dim);
    placement.add(prepared_pairs, pairs, std::max(config.dim, experts.ffn_dim));
    groups.resize(sizes.n_streams);
  }
  placement.add(prepared, rows, std::max(config.dim, config.q_dim()));
  placement.add(prepared_gated, rows, config.ffn_dim);
  placement.add(prepared_sampled, sizes.max_sampled, config.dim);
  placement.add(gathered, sizes.max_sampled, dim);
  placement.add(logits, sizes.max_sampled, config.vocab_size);
  placement.add(largest_, sizes.n_workers, sizes.max_sampled);

  const auto scratch = static_cast<std::ptrdiff_t>(std::max(
      {kernels::attention_scratch_floats(config.n_heads, config.n_kv_heads, config.head_dim),
       kernels::sample_scratch_floats(config.vocab_size),
       static_cast<std::size_t>(part_rows * part_stride)}));
  // Whole pages, so that no two workers write to one.
  scratch_stride_ = (scratch + floats_a_page - 1) / floats_a_page * floats_a_page;
  placement.add(scratch_, sizes.n_workers, scratch_stride_);
  pages_ahead.resize(static_cast<std::size_t>(sizes.n_workers));
  for (auto& ahead : pages_ahead) ahead.reserve(sizes.max_rows);
  most_bytes_ahead = cache_bytes() / 2;
  memory = placement.place();
}

}  // namespace nanoflow
