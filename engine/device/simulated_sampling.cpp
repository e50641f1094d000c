#include "engine/device/simulated_sampling.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nanoflow {
namespace {

constexpr float decisive_bias = 100;  // what clients use for always and never

bool forbidden(TokenId token, const SimulatedSlot& slot, const SamplingParams& sampling) {
  const auto& ends = sampling.end_tokens;
  if (slot.n_generated() < sampling.min_tokens &&
      std::find(ends.begin(), ends.end(), token) != ends.end())
    return true;
  return std::any_of(sampling.logit_bias.begin(), sampling.logit_bias.end(),
                     [&](const auto& b) { return b.first == token && b.second <= -decisive_bias; });
}

TokenId choose(std::uint64_t hash, const SimulatedSlot& slot, const SamplingParams& sampling,
               int vocab_size) {
  for (const auto& [token, bias] : sampling.logit_bias)
    if (bias >= decisive_bias && !forbidden(token, slot, sampling)) return token;
  for (const auto& [token, bias] : sampling.logit_bias) {
    hash = mix(hash);
    if (static_cast<float>(hash % 100) < bias && !forbidden(token, slot, sampling)) return token;
  }
  const auto first = static_cast<int>(hash % static_cast<std::uint64_t>(vocab_size));
  for (int i = 0; i < vocab_size; ++i) {
    const TokenId token = (first + i) % vocab_size;
    if (!forbidden(token, slot, sampling)) return token;
  }
  return first;
}

TokenLogprobs logprobs(TokenId chosen, int n_top, int vocab_size) {
  constexpr float halved = -std::numbers::ln2_v<float>;
  TokenLogprobs result{.logprob = halved, .top = {}};
  for (int i = 0; i < std::min(n_top, vocab_size); ++i)
    result.top.emplace_back((chosen + i) % vocab_size, static_cast<float>(i + 1) * halved);
  return result;
}

}  // namespace

StepResult::Sampled simulated_sample(std::uint64_t digest, const SimulatedSlot& slot, int choice,
                                     const SamplingParams& sampling, int vocab_size) {
  std::uint64_t hash = digest;
  if (sampling.temperature > 0) {
    const auto draw = mix(static_cast<std::uint64_t>(choice), slot.history.size());
    hash = mix(hash, mix(sampling.seed, draw));
  }
  if (sampling.needs_history()) {
    for (const TokenId token : slot.history) hash = mix(hash, static_cast<std::uint64_t>(token));
    hash = mix(hash, static_cast<std::uint64_t>(slot.n_prompt));
  }
  StepResult::Sampled result{
      .slot = 0, .token = choose(hash, slot, sampling, vocab_size), .logprobs = {}};
  if (sampling.logprobs >= 0)
    result.logprobs = logprobs(result.token, sampling.logprobs, vocab_size);
  return result;
}

}  // namespace nanoflow
