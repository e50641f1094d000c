#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/logits.hpp"
#include "kernels/sample.hpp"
#include "kernels/scaled_exp.hpp"

namespace nanoflow::kernels {
namespace {

using Ranked = std::pair<std::int32_t, float>;  // a token and its logit

/// Inserts each token that beats the last of the list, which stays sorted; most tokens do not.
void find_top(std::span<Ranked> top, const float* logits, int n) {
  std::fill(top.begin(), top.end(), Ranked{-1, excluded});
  for (int i = 0; i < n; ++i) {
    const float logit = defined_logit(logits[i]);
    auto place = top.end();
    while (place != top.begin() && (place[-1].first < 0 || logit > place[-1].second)) --place;
    if (place == top.end()) continue;
    std::move_backward(place, top.end() - 1, top.end());
    *place = {i, logit};
  }
}

double sum_of_exponentials(const float* logits, int n, float maximum) {
  std::array<float, 256> chunk{};
  double sum = 0;
  for (int begin = 0; begin < n; begin += static_cast<int>(chunk.size())) {
    const int size = std::min(static_cast<int>(chunk.size()), n - begin);
    std::transform(logits + begin, logits + begin + size, chunk.begin(), defined_logit);
    scaled_exp(chunk.data(), chunk.data(), size, maximum, 1.0F);
    for (int i = 0; i < size; ++i) sum += chunk[static_cast<std::size_t>(i)];
  }
  return sum;
}

}  // namespace

float log_probabilities(std::span<Ranked> top, const float* logits, int vocab_size,
                        std::int32_t token) {
  float maximum = excluded;
  for (int i = 0; i < vocab_size; ++i) maximum = std::max(maximum, defined_logit(logits[i]));
  const double log_sum = std::log(sum_of_exponentials(logits, vocab_size, maximum));
  const auto log_probability = [&](float logit) {
    return static_cast<float>(static_cast<double>(logit) - static_cast<double>(maximum) - log_sum);
  };
  find_top(top, logits, vocab_size);
  for (auto& [id, value] : top) value = log_probability(value);
  return log_probability(defined_logit(logits[token]));
}

}  // namespace nanoflow::kernels
