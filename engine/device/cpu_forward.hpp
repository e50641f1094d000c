#pragma once
#include <vector>

#include "engine/device/cpu_slots.hpp"
#include "engine/device/cpu_step.hpp"
#include "engine/device/cpu_weights.hpp"
#include "engine/device/cpu_workspace.hpp"
#include "engine/device/crew.hpp"
#include "engine/plan/program.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/kv_pages.hpp"
#include "kernels/rms_norm.hpp"

namespace nanoflow {

/// The forward pass: each operation of the graph in terms of kernels. What an architecture does
/// differently is in ModelConfig and in which weights are there; nothing here asks for its name.
///
/// Every worker of a team calls launch with the same instruction; the rows, columns or heads are
/// shared out, sums never are.
class CpuForward {
 public:
  CpuForward(const ModelConfig& config, const CpuWeights& weights, const kernels::KvPages& pages,
             CpuWorkspace& workspace, std::vector<CpuSlot>& slots);

  /// Before a program's first launch: whatever the worker's last program meant to ask for ahead is
  /// forgotten, since the step whose page tables say where it is may be gone. (Its last layer asks
  /// for nothing more, but may have run on another stream, or not at all.)
  void begin(const Crew& crew) const { work_.pages_ahead[crew.worker].restart({}, 0); }
  void launch(const Crew& crew, const Instruction& instruction, CpuStep& step) const;

 private:
  using Range = kernels::Range;

  void embed(const Crew& crew, Range rows, CpuStep& step) const;
  // `next`: the weights of the product that reads the result, for which it is prepared.
  void norm(const Crew& crew, Range rows, const float* weight, const PreparedRows& prepared,
            const kernels::PackedMatrix& next) const;
  void rope_store(const Crew& crew, Range rows, int layer, const CpuStep& step) const;
  void attention(const Crew& crew, Range rows, int layer, const PreparedRows& prepared,
                 const CpuStep& step) const;
  void add(const Crew& crew, Range rows, const float* post_norm) const;
  /// The activation of gate and up, made ready for `down`. prepared: the inputs, gated: the result.
  void gate_up(const Crew& crew, Range rows, const CpuFeedForward& weights,
               const PreparedRows& prepared, const PreparedRows& gated) const;
  void gate_up_part(int worker, Range rows, Range columns, const CpuFeedForward& weights,
                    const PreparedRows& prepared, const PreparedRows& gated) const;
  /// From now on this worker's products ask for its part of the pages that the attention of these
  /// rows reads in `layer`, which may be behind the last one.
  void ask_ahead(const Crew& crew, Range rows, int layer, const CpuStep& step) const;
  /// Of whole rows [2 * ffn_dim]: the activation replaces gate, and is made ready for `next`.
  void activate(float* gate_up, int ffn_dim, const PreparedRows& gated,
                const kernels::PackedMatrix& next, Range rows) const;
  void gather(const Crew& crew, Range sampled, const PreparedRows& prepared,
              const CpuStep& step) const;
  void lm_head(const Crew& crew, Range sampled, const PreparedRows& prepared,
               const CpuStep& step) const;
  void lm_head_part(int worker, Range rows, Range panels, const PreparedRows& prepared,
                    const CpuStep& step) const;
  void sample(const Crew& crew, Range sampled, CpuStep& step) const;
  void sample_sequence(int worker, CpuStep::Sampler& sampler, CpuStep& step) const;
  TokenId sample_row(int worker, int row, CpuStep& step) const;
  TokenId largest(int row) const;

  void route(const Crew& crew, Range rows, const CpuLayer& layer) const;
  void experts(const Crew& crew, Range rows, const CpuLayer& layer, const CpuStep& step) const;
  void group_pairs(Range rows, ExpertGroups& groups) const;

  /// Rows of `in` once more, as `next` reads them: all columns, or some from a multiple of
  /// prepared_apart to another one or to the end.
  static void prepare(const PreparedRows& out, const float* in, std::ptrdiff_t in_stride,
                      const kernels::PackedMatrix& next, Range rows, Range columns);
  static void prepare(const PreparedRows& out, const float* in, std::ptrdiff_t in_stride,
                      const kernels::PackedMatrix& next, Range rows) {
    prepare(out, in, in_stride, next, rows, {0, next.n_inputs});
  }
  static constexpr int prepared_apart(kernels::Element element) {
    return is_quantized(element) ? kernels::span_inputs : kernels::block_inputs;
  }
  /// out = in * weights [+ bias], rows of any buffers; `prepared` has the same rows.
  void matmul(const Crew& crew, Range rows, float* out, std::ptrdiff_t out_stride, const float* in,
              std::ptrdiff_t in_stride, const PreparedRows& prepared,
              const kernels::PackedMatrix& weights, const float* bias = nullptr) const;
  /// Some panels of it, by one worker.
  void multiply(int worker, float* out, std::ptrdiff_t out_stride, const float* in,
                std::ptrdiff_t in_stride, const PreparedRows& prepared,
                const kernels::PackedMatrix& weights, const float* bias, Range rows,
                Range panels) const;
  /// task(sequence, rows) for parts of sequences that lie within the rows.
  template <class Task>
  static void each_tile(const Crew& crew, Range rows, const CpuStep& step, const Task& task);

  kernels::ActivationKind activation_kind() const;
  kernels::NormWeights norm_weights(const float* weight, int dim) const;
  /// One layer's part of the pages.
  kernels::KvPages layer_pages(int layer) const;
  static kernels::KvRows kv_rows(const CpuStep& step, const CpuStep::Sequence& sequence);
  std::ptrdiff_t qkv_stride() const { return config_.q_dim() + 2 * config_.kv_dim(); }

  const ModelConfig& config_;
  const CpuWeights& weights_;
  kernels::KvPages pages_;
  CpuWorkspace& work_;
  std::vector<CpuSlot>& slots_;
};

template <class Task>
void CpuForward::each_tile(const Crew& crew, Range rows, const CpuStep& step, const Task& task) {
  const auto [first, last] = step.tiles_within(rows.begin, rows.end);
  crew.split({first, last}, [&](Range tiles) {
    for (int i = tiles.begin; i < tiles.end; ++i) {
      const auto& tile = step.tiles[i];
      task(step.sequences[tile.sequence],
           Range{std::max(tile.row_begin, rows.begin), std::min(tile.row_end, rows.end)});
    }
  });
}

}  // namespace nanoflow
