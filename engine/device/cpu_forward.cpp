#include "engine/device/cpu_forward.hpp"

#include "kernels/bf16_matmul.hpp"
#include "kernels/dequantize.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/quantized_matmul.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow {

CpuForward::CpuForward(const ModelConfig& config, const CpuWeights& weights,
                       const kernels::KvPages& pages, CpuWorkspace& workspace,
                       std::vector<CpuSlot>& slots)
    : config_(config), weights_(weights), pages_(pages), work_(workspace), slots_(slots) {}

void CpuForward::launch(const Crew& crew, const Instruction& instruction, CpuStep& step) const {
  const Range rows{instruction.row_begin, instruction.row_end};
  const Range sampled{instruction.sampled_begin, instruction.sampled_end};
  const auto& layer = weights_.layers[instruction.layer];
  const int dim = config_.dim;
  const auto prepared = work_.prepared.for_rows(step.tokens.size());
  const auto gated = work_.prepared_gated.for_rows(step.tokens.size());
  const auto prepared_sampled = work_.prepared_sampled.for_rows(step.sampled.size());
  switch (instruction.kind) {
    case OperationKind::embed:
      return embed(crew, rows, step);
    case OperationKind::attention_norm:
      return norm(crew, rows, layer.attention_norm, prepared, layer.qkv);
    case OperationKind::qkv:
      return matmul(crew, rows, work_.qkv, qkv_stride(), work_.normed, dim, prepared, layer.qkv,
                    layer.qkv_bias);
    case OperationKind::rope_store:
      return rope_store(crew, rows, instruction.layer, step);
    case OperationKind::attention:
      return attention(crew, rows, instruction.layer, prepared, step);
    case OperationKind::output:
      ask_ahead(crew, rows, instruction.layer + 1, step);
      return matmul(crew, rows, work_.projection, dim, work_.qkv, qkv_stride(), prepared,
                    layer.output);
    case OperationKind::attention_add:
      return add(crew, rows, layer.post_attention_norm);
    case OperationKind::ffn_norm:
      return norm(crew, rows, layer.ffn_norm, prepared,
                  layer.experts.empty() ? layer.dense.gate_up : layer.router);
    case OperationKind::gate_up:
      return gate_up(crew, rows, layer.dense, prepared, gated);
    case OperationKind::down:
      return matmul(crew, rows, work_.projection, dim, work_.gate_up, 2 * config_.ffn_dim, gated,
                    layer.dense.down);
    case OperationKind::route:
      return route(crew, rows, layer);
    case OperationKind::experts:
      return experts(crew, rows, layer, step);
    case OperationKind::ffn_add:
      return add(crew, rows, layer.post_ffn_norm);
    case OperationKind::gather:
      return gather(crew, sampled, prepared_sampled, step);
    case OperationKind::lm_head:
      return lm_head(crew, sampled, prepared_sampled, step);
    case OperationKind::sample:
      return sample(crew, sampled, step);
  }
}

void CpuForward::embed(const Crew& crew, Range rows, CpuStep& step) const {
  each_tile(crew, rows, step, [&](const CpuStep::Sequence& sequence, Range tile) {
    // A slot begins again when the step runs, not when it is prepared: the step before may still
    // have a row of the sequence that had it.
    if (tile.begin == sequence.row_begin) {
      auto& slot = slots_[sequence.slot];
      if (sequence.start) slot.begin(sequence.start);
      if (sequence.newest) step.tokens[tile.begin] = slot.newest();
    }
    const auto& embedding = weights_.embedding;
    kernels::embed(work_.x, config_.dim, embedding.data.data(), embedding.dtype, config_.dim,
                   step.tokens.data(), config_.embedding_scale, tile);
    for (std::size_t rope = 0; rope < work_.ropes.size(); ++rope)
      kernels::fill_rope_table(work_.ropes[rope], step.positions.data(),
                               config_.ropes[rope].inverse_frequencies.data(),
                               config_.ropes[rope].magnitude, tile);
  });
}

void CpuForward::norm(const Crew& crew, Range rows, const float* weight,
                      const PreparedRows& prepared, const kernels::PackedMatrix& next) const {
  crew.split(rows, [&](Range part) {
    kernels::rms_norm(work_.normed, config_.dim, work_.x, config_.dim,
                      norm_weights(weight, config_.dim), 1, part);
    prepare(prepared, work_.normed, config_.dim, next, part);
  });
}

void CpuForward::add(const Crew& crew, Range rows, const float* post_norm) const {
  crew.split(rows, [&](Range part) {
    if (post_norm)
      kernels::rms_norm(work_.projection, config_.dim, work_.projection, config_.dim,
                        norm_weights(post_norm, config_.dim), 1, part);
    kernels::add(work_.x, config_.dim, work_.projection, config_.dim, config_.dim, part);
  });
}

void CpuForward::gate_up(const Crew& crew, Range rows, const CpuFeedForward& weights,
                         const PreparedRows& prepared, const PreparedRows& gated) const {
  const int ffn_dim = config_.ffn_dim;
  if (ffn_dim % kernels::panel_width != 0) {  // gate's last panel is up's first
    matmul(crew, rows, work_.gate_up, 2 * ffn_dim, work_.normed, config_.dim, prepared,
           weights.gate_up);
    return crew.split(
        rows, [&](Range part) { activate(work_.gate_up, ffn_dim, gated, weights.down, part); });
  }
  constexpr int n_rows = CpuWorkspace::part_rows, n_columns = CpuWorkspace::part_columns / 2;
  const Range parts{0, (ffn_dim + n_columns - 1) / n_columns};
  crew.split(rows, parts, [&](Range part, Range columns) {
    for (int r = part.begin; r < part.end; r += n_rows) {
      for (int c = columns.begin * n_columns; c < std::min(ffn_dim, columns.end * n_columns);
           c += n_columns) {
        gate_up_part(crew.worker, {r, std::min(r + n_rows, part.end)},
                     {c, std::min(c + n_columns, ffn_dim)}, weights, prepared, gated);
      }
    }
  });
}

/// Gate and up lie side by side in the worker's scratch, which stays in a cache: only what becomes
/// of them is written to memory.
void CpuForward::gate_up_part(int worker, Range rows, Range columns, const CpuFeedForward& weights,
                              const PreparedRows& prepared, const PreparedRows& gated) const {
  constexpr std::ptrdiff_t stride = CpuWorkspace::part_stride;
  const int ffn_dim = config_.ffn_dim;
  // As if all rows and columns were there.
  float* gate = work_.part_scratch(worker) - rows.begin * stride - columns.begin;
  float* up = gate + CpuWorkspace::part_columns / 2;
  const auto product = [&](float* out, int first) {
    multiply(worker, out - first, stride, work_.normed, config_.dim, prepared, weights.gate_up,
             nullptr, rows,
             {(first + columns.begin) / kernels::panel_width,
              (first + columns.end) / kernels::panel_width});
  };
  product(gate, 0);
  product(up, ffn_dim);
  if (weights.down.element == kernels::Element::f32) {
    kernels::activate(work_.gate_up, 2 * std::ptrdiff_t{ffn_dim}, gate, up, stride,
                      activation_kind(), rows, columns);
    return;
  }
  kernels::activate(gate, stride, gate, up, stride, activation_kind(), rows, columns);
  prepare(gated, gate, stride, weights.down, rows, columns);
}

void CpuForward::activate(float* gate_up, int ffn_dim, const PreparedRows& gated,
                          const kernels::PackedMatrix& next, Range rows) const {
  const std::ptrdiff_t stride = 2 * std::ptrdiff_t{ffn_dim};
  kernels::activate(gate_up, stride, gate_up, gate_up + ffn_dim, stride, activation_kind(), rows,
                    {0, ffn_dim});
  prepare(gated, gate_up, stride, next, rows);
}

void CpuForward::matmul(const Crew& crew, Range rows, float* out, std::ptrdiff_t out_stride,
                        const float* in, std::ptrdiff_t in_stride, const PreparedRows& prepared,
                        const kernels::PackedMatrix& weights, const float* bias) const {
  const Range panels{0, kernels::n_panels(weights.n_outputs)};
  crew.split(rows, panels, [&](Range part, Range columns) {
    multiply(crew.worker, out, out_stride, in, in_stride, prepared, weights, bias, part, columns);
  });
}

void CpuForward::multiply(int worker, float* out, std::ptrdiff_t out_stride, const float* in,
                          std::ptrdiff_t in_stride, const PreparedRows& prepared,
                          const kernels::PackedMatrix& weights, const float* bias, Range rows,
                          Range panels) const {
  auto* ahead = &work_.pages_ahead[worker];
  switch (weights.element) {
    case kernels::Element::f32:
      return kernels::matmul(out, out_stride, in, in_stride, weights, bias, rows, panels);
    case kernels::Element::bf16:
      return kernels::bf16_matmul(out, out_stride, prepared.rounded, weights, bias, rows, panels,
                                  ahead);
    case kernels::Element::int8:
    case kernels::Element::int4:
      return kernels::quantized_matmul(out, out_stride, prepared.quantized, weights, bias, rows,
                                       panels, ahead);
  }
}

void CpuForward::prepare(const PreparedRows& out, const float* in, std::ptrdiff_t in_stride,
                         const kernels::PackedMatrix& next, Range rows, Range columns) {
  if (next.element == kernels::Element::bf16) {
    kernels::round_rows(out.rounded, in, in_stride, rows, columns);
  } else if (is_quantized(next.element)) {
    kernels::quantize_rows(out.quantized, in, in_stride, rows, columns);
  }
}

kernels::ActivationKind CpuForward::activation_kind() const {
  return config_.activation == Activation::silu ? kernels::ActivationKind::silu
                                                : kernels::ActivationKind::gelu_tanh;
}

kernels::NormWeights CpuForward::norm_weights(const float* weight, int dim) const {
  return {weight, dim, config_.norm_eps, config_.norm_offset};
}

}  // namespace nanoflow
