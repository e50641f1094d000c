#include "actors/admissions.hpp"

#include <algorithm>

namespace nanoflow {
namespace {

void mix(double& mean, double value) {
  constexpr double weight = 0.2;
  mean += weight * (value - mean);
}

}  // namespace

Admissions::Load Admissions::load_of(const std::string& model) const {
  const auto found = loads_.find(model);
  return found == loads_.end() ? Load() : found->second;
}

std::optional<wire::Error> Admissions::refuse(const std::string& model,
                                              std::optional<int> max_tpot_ms) const {
  const Load load = load_of(model);
  const int limit = limits_.max_sequences + limits_.max_waiting;
  if (load.live >= limit)
    return wire::Error{wire::ErrorCode::overloaded,
                       std::to_string(load.live) + " requests run or wait for model '" + model +
                           "'; the limit is " + std::to_string(limit) +
                           " (max_sequences + max_waiting)",
                       {},
                       retry_after_ms(model)};
  // What was measured under load says nothing about a model that is idle now.
  if (max_tpot_ms && load.live > 0 && load.tpot_ms > *max_tpot_ms)
    return wire::Error{wire::ErrorCode::too_slow,
                       "max_tpot_ms: " + std::to_string(*max_tpot_ms) +
                           " ms per token cannot be kept; model '" + model + "' takes " +
                           std::to_string(int(load.tpot_ms)) + " ms now",
                       {},
                       {}};
  return {};
}

int Admissions::retry_after_ms(const std::string& model) const {
  const Load load = load_of(model);
  const double places = std::max(limits_.max_sequences, 1);
  return int(std::clamp(load.total_ms / places * 4, 100.0, 30'000.0));
}

void Admissions::started(const std::string& model) {
  ++loads_[model].live;
}

void Admissions::ended(const std::string& model, const wire::Done* done) {
  Load& load = loads_[model];
  --load.live;
  if (!done || done->timing.total_ms == 0) return;
  mix(load.total_ms, done->timing.total_ms);
  int longest = 0;  // choices run side by side
  for (const wire::Choice& choice : done->choices)
    longest = std::max(longest, choice.completion_tokens);
  if (longest > 1) mix(load.tpot_ms, done->timing.decode_ms / (longest - 1));
}

}  // namespace nanoflow
