// From the residual stream to the next tokens.
#include "engine/device/cpu_forward.hpp"
#include "kernels/sample.hpp"

namespace nanoflow {

void CpuForward::gather(const Crew& crew, Range sampled, const PreparedRows& prepared,
                        const CpuStep& step) const {
  const std::ptrdiff_t dim = config_.dim;
  crew.split(sampled, [&](Range part) {
    for (int i = part.begin; i < part.end; ++i)
      kernels::rms_norm(work_.gathered + i * dim, dim, work_.x + step.sampled[i].row * dim, dim,
                        norm_weights(weights_.output_norm, config_.dim), 1, {0, 1});
    prepare(prepared, work_.gathered, dim, weights_.lm_head, part);
  });
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
  result.token = kernels::sample(logits, config_.vocab_size, params, work_.sample_scratch(worker));
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
