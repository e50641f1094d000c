#pragma once
#include <vector>

#include "engine/device/mapped_memory.hpp"
#include "engine/model/config.hpp"
#include "kernels/logits.hpp"
#include "kernels/pages_ahead.hpp"
#include "kernels/quantize_rows.hpp"
#include "kernels/rope.hpp"
#include "kernels/round_rows.hpp"

namespace nanoflow {

/// Which expert gets which rows, in one launch of the experts.
struct ExpertGroups {
  std::vector<int> begin;  // [n_experts + 1], of the launch's (row, choice) pairs by expert
  std::vector<int> next;   // [n_experts], while they are being filled
};

/// Rows once more, as the product that reads them next wants them (CpuForward::prepare): in bf16
/// for bf16 weights, in 8 bits for weights of 8 and 4, and not at all for f32.
struct PreparedRows {
  kernels::Bf16Rows rounded;
  kernels::QuantizedRows quantized;

  /// As a step with this many rows lays them out: closer than the largest one.
  PreparedRows for_rows(std::size_t n) const;
  /// Not by a power of two, which would crowd what is read together into a few sets of the
  /// first-level cache.
  static int stride(std::size_t rows) { return static_cast<int>(rows) | 1; }
};

/// What operations hand on to each other within a step: f32, sized for the largest step when the
/// model is loaded. Programs of one step run at a time, so there is one of it. Rows of different
/// nano-batches do not overlap.
struct CpuWorkspace {
  struct Sizes {
    int max_rows = 0;     // of a step
    int max_sampled = 0;  // rows of a step that sample
    int n_workers = 0;    // of all streams
    int n_streams = 0;
    bool keep_logits = false;
  };
  CpuWorkspace(const ModelConfig& config, const Sizes& sizes);

  /// A part of a product that a worker computes in its scratch, where it stays in a cache until the
  /// worker has made what is needed of it: rows, columns (of gate and up half of them each), and
  /// from a row to the next, not a power of two, which would crowd them into a few sets.
  static constexpr int part_rows = 96, part_columns = 128;
  static constexpr int part_stride = part_columns + 16;

  MappedMemory memory;
  float* x = nullptr;           // [max_rows, dim], the residual stream
  float* normed = nullptr;      // [max_rows, dim]
  float* qkv = nullptr;         // [max_rows, q_dim + 2 * kv_dim]; attention's output replaces q
  float* projection = nullptr;  // [max_rows, dim], what is added to x
  // [max_rows, 2 * ffn_dim]; the activation replaces gate. Untouched where it goes to
  // prepared_gated.
  float* gate_up = nullptr;
  std::vector<kernels::RopeTable> ropes;  // [ropes], each [max_rows, head_dim / 2]

  // Mixture of experts. A pair is a row and one of its n_used experts; pairs are grouped by expert.
  float* router_logits = nullptr;    // [max_rows, n_experts]
  int* chosen = nullptr;             // [max_rows, n_used], expert ids
  float* chosen_weights = nullptr;   // [max_rows, n_used]
  int* pair_slots = nullptr;         // [max_rows, n_used], where the pair is among the grouped ones
  int* pair_rows = nullptr;          // [max_rows * n_used], the row of a grouped pair
  float* pair_inputs = nullptr;      // [max_rows * n_used, dim]
  float* pair_gate_up = nullptr;     // [max_rows * n_used, 2 * ffn_dim]
  float* pair_outputs = nullptr;     // [max_rows * n_used, dim]
  std::vector<ExpertGroups> groups;  // [n_streams]

  PreparedRows prepared;          // [max_rows], of normed or q
  PreparedRows prepared_gated;    // [max_rows], of gate after its activation
  PreparedRows prepared_pairs;    // [max_rows * n_used], of pair_inputs or pair_gate_up
  PreparedRows prepared_sampled;  // [max_sampled], of gathered

  float* gathered = nullptr;  // [max_sampled, dim], normed
  int n_workers;
  bool keep_logits;         // of all rows; else of those that do not just take the largest
  float* logits = nullptr;  // [max_sampled, vocab_size]

  // What products ask for beside their own work: the pages of the next layer's attention, as many
  // as stay in a cache until then.
  std::vector<kernels::PagesAhead> pages_ahead;  // [n_workers]
  std::size_t most_bytes_ahead = 0;              // of all workers together

  float* attention_scratch(int worker) const { return scratch_ + worker * scratch_stride_; }
  float* part_scratch(int worker) const { return scratch_ + worker * scratch_stride_; }
  float* sample_scratch(int worker) const { return scratch_ + worker * scratch_stride_; }
  /// Of a row that samples: what this worker has seen of it.
  kernels::LargestLogit& largest(int worker, int row) const {
    return largest_[worker * max_sampled_ + row];
  }

 private:
  std::ptrdiff_t max_sampled_;
  kernels::LargestLogit* largest_ = nullptr;  // [n_workers, max_sampled]
  float* scratch_ = nullptr;                  // [n_workers, scratch_stride]
  std::ptrdiff_t scratch_stride_ = 0;
};

}  // namespace nanoflow
