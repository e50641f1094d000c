// From the residual stream to the next tokens.
#include <algorithm>

#include "engine/device/cpu_forward.hpp"
#include "kernels/sample.hpp"

namespace nanoflow {

void CpuForward::gather(const Crew& crew, Range sampled, const PreparedRows& prepared,
                        const CpuStep& step) const {
  const std::ptrdiff_t dim = config_.dim;
  crew.split(sampled, [&](Range part) {
    for (int i = part.begin; i < part.end; ++i) {
      kernels::rms_norm(work_.gathered + i * dim, dim, work_.x + step.sampled[i].row * dim, dim,
                        norm_weights(weights_.output_norm, config_.dim), 1, {0, 1});
      for (int worker = 0; worker < work_.n_workers; ++worker) work_.largest(worker, i) = {};
    }
    prepare(prepared, work_.gathered, dim, weights_.lm_head, part);
  });
}

void CpuForward::lm_head(const Crew& crew, Range sampled, const PreparedRows& prepared,
                         const CpuStep& step) const {
  constexpr int n_rows = CpuWorkspace::part_rows;
  constexpr int n_panels = CpuWorkspace::part_columns / kernels::panel_width;
  crew.split(sampled, {0, kernels::n_panels(config_.vocab_size)}, [&](Range rows, Range panels) {
    for (int r = rows.begin; r < rows.end; r += n_rows)
      for (int p = panels.begin; p < panels.end; p += n_panels)
        lm_head_part(crew.worker, {r, std::min(r + n_rows, rows.end)},
                     {p, std::min(p + n_panels, panels.end)}, prepared, step);
  });
}

/// In the worker's scratch, which stays in a cache: of most rows only the largest logit is needed.
void CpuForward::lm_head_part(int worker, Range rows, Range panels, const PreparedRows& prepared,
                              const CpuStep& step) const {
  const int first = panels.begin * kernels::panel_width;
  const int n = std::min(panels.end * kernels::panel_width, config_.vocab_size) - first;
  constexpr std::ptrdiff_t stride = CpuWorkspace::part_stride;
  // As if all rows and columns were there.
  float* const out = work_.part_scratch(worker) - rows.begin * stride - first;
  multiply(worker, out, stride, work_.gathered, config_.dim, prepared, weights_.lm_head, nullptr,
           rows, panels);
  for (int row = rows.begin; row < rows.end; ++row) {
    const float* const logits = out + row * stride + first;
    const bool takes_largest = step.sampled[row].takes_largest;
    if (takes_largest) work_.largest(worker, row).add(logits, first, n);
    if (!takes_largest || work_.keep_logits)
      std::copy_n(logits, n, work_.logits + std::ptrdiff_t{row} * config_.vocab_size + first);
  }
}

TokenId CpuForward::largest(int row) const {
  kernels::LargestLogit largest;
  for (int worker = 0; worker < work_.n_workers; ++worker) largest.add(work_.largest(worker, row));
  return largest.token;
}

void CpuForward::sample(const Crew& crew, Range sampled, CpuStep& step) const {
  const auto [first, last] = step.samplers_within(sampled.begin, sampled.end);
  crew.for_each(last - first, [&, begin = first](int i) {
    sample_sequence(crew.worker, step.samplers[begin + i], step);
  });
}

/// In order: what is chosen here may depend on every token before it, and a slot takes no guess.
void CpuForward::sample_sequence(int worker, CpuStep::Sampler& sampler, CpuStep& step) const {
  int row = sampler.begin;
  while (true) {
    const TokenId token = sample_row(worker, row++, step);
    if (row == sampler.end || token != step.tokens[step.sampled[row].row]) break;
  }
  sampler.n_sampled = row - sampler.begin;
}

TokenId CpuForward::sample_row(int worker, int row, CpuStep& step) const {
  const auto& sampled = step.sampled[row];
  const auto& wanted = *sampled.sampling;
  auto& slot = slots_[sampled.slot];
  const float* logits = work_.logits + static_cast<std::ptrdiff_t>(row) * config_.vocab_size;

  kernels::SampleParams params;
  params.temperature = wanted.temperature;
  params.top_k = wanted.top_k;
  params.top_p = wanted.top_p;
  params.min_p = wanted.min_p;
  params.presence_penalty = wanted.presence_penalty;
  params.frequency_penalty = wanted.frequency_penalty;
  params.repetition_penalty = wanted.repetition_penalty;
  params.logit_bias = wanted.logit_bias;
  if (wanted.needs_history()) params.history = slot.history();
  if (slot.n_generated() < wanted.min_tokens) params.banned = wanted.end_tokens;
  params.seed = wanted.seed;
  params.choice = static_cast<std::uint32_t>(sampled.choice);
  params.position = static_cast<std::uint32_t>(sampled.position);

  auto& result = step.chosen[row];
  result.slot = sampled.slot;
  result.token = sampled.takes_largest ? largest(row)
                                       : kernels::sample(logits, config_.vocab_size, params,
                                                         work_.sample_scratch(worker));
  // Where no logit is finite the sequence ends with an error, but its next row is already on its
  // way: it computes some token, for nobody.
  slot.append(std::max(result.token, 0), wanted.needs_history());
  if (wanted.logprobs < 0 || result.token < 0) return result.token;
  auto& logprobs = result.logprobs.emplace();
  logprobs.top.resize(std::min(wanted.logprobs, config_.vocab_size));
  logprobs.logprob =
      kernels::log_probabilities(logprobs.top, logits, config_.vocab_size, result.token);
  return result.token;
}

}  // namespace nanoflow
