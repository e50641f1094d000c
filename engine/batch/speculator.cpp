#include "engine/batch/speculator.hpp"

#include <algorithm>

namespace nanoflow {
namespace {

// Measured: a second row costs a small model in 4 bits a fifth to a quarter of the first one.
constexpr double row_cost = 0.25;
// A sequence that guesses is not scheduled ahead, so the device waits for a moment.
constexpr double least_gain = 1.05;
constexpr double newest = 0.125;  // weight of a measurement in the mean
constexpr double kept = 0.85;     // of what was learnt, with each guess
constexpr double doubt = 0.5;     // guesses right, and as many wrong, before the first one

}  // namespace

int draft_length(double p, int most, int n_decode, double cost) {
  int best = 0;
  double best_gain = least_gain, tokens = n_decode, chance = 1;
  for (int length = 1; length <= most; ++length) {
    chance *= p;
    tokens += chance;
    const double gain = tokens / (n_decode * (1 + length * cost));
    if (gain <= best_gain) continue;
    best = length;
    best_gain = gain;
  }
  return best;
}

DraftCost::DraftCost() {
  for (int n = 1; n <= most_decoding; ++n)
    by_rows_[static_cast<std::size_t>(n)].cost = row_cost / (1 + row_cost * (n - 1));
}

void DraftCost::observe(int n_decode, int n_draft, double ms) {
  if (n_decode < 1 || n_decode > most_decoding) return;
  auto& measured = by_rows_[static_cast<std::size_t>(n_decode)];
  if (n_draft == 0) {
    measured.ms += measured.ms == 0 ? ms : newest * (ms - measured.ms);
  } else if (measured.ms > 0) {
    const double cost = std::clamp((ms / measured.ms - 1) / n_draft, 0.0, 1.0);
    measured.cost += newest * (cost - measured.cost);
  }
}

double DraftCost::of(int n_decode) const {
  return by_rows_.at(static_cast<std::size_t>(n_decode)).cost;
}

void Speculator::read(const std::vector<TokenId>& prompt, const std::vector<TokenId>& answer) {
  const auto n_prompt = prompt.size(), n = n_prompt + answer.size();
  for (auto i = static_cast<std::size_t>(lookup_.size()); i < n; ++i) {
    if (i >= n_prompt) learn(answer[i - n_prompt]);
    lookup_.append(i < n_prompt ? prompt[i] : answer[i - n_prompt]);
  }
}

void Speculator::learn(TokenId token) {
  const auto guess = lookup_.continuation(1);
  if (guess.empty()) return;
  right_ = kept * right_ + (guess.front() == token ? 1 : 0);
  wrong_ = kept * wrong_ + (guess.front() == token ? 0 : 1);
}

double Speculator::chance() const {
  return (right_ + doubt) / (right_ + wrong_ + 2 * doubt);
}

std::vector<TokenId> Speculator::draft(int most, int n_decode, double cost) const {
  const int length = draft_length(chance(), most, n_decode, cost);
  return length == 0 ? std::vector<TokenId>() : lookup_.continuation(length);
}

}  // namespace nanoflow
