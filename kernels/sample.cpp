#include "kernels/sample.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "kernels/logits.hpp"
#include "kernels/philox.hpp"
#include "kernels/scaled_exp.hpp"

namespace nanoflow::kernels {

namespace {

/// NaN never; sixteen running maxima, which compilers keep in vectors.
float maximum(const float* x, int n) {
  constexpr int lanes = 16;
  std::array<float, lanes> best;
  best.fill(excluded);
  int i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int lane = 0; lane < lanes; ++lane) {
      const float value = x[i + lane];
      best[lane] = value > best[lane] ? value : best[lane];
    }
  }
  for (; i < n; ++i) best[0] = x[i] > best[0] ? x[i] : best[0];
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int lane = 0; lane < half; ++lane) {
      const float value = best[lane + half];
      best[lane] = value > best[lane] ? value : best[lane];
    }
  }
  return best[0];
}

}  // namespace

int largest(const float* logits, int n) {
  constexpr int block = 1024;  // only one is looked at twice
  float best = excluded;
  int begin = 0;
  for (int i = 0; i < n; i += block) {
    const float here = maximum(logits + i, std::min(block, n - i));
    if (here > best) {
      best = here;
      begin = i;
    }
  }
  for (int i = begin; i < n; ++i) {
    if (logits[i] == best) return i;
  }
  return 0;
}

void LargestLogit::add(const float* logits, std::int32_t first, int n) {
  const float here = maximum(logits, n);
  if (here < logit) return;
  if (std::isfinite(here)) return add({here, first + largest(logits, n)});
  for (int i = 0; i < n; ++i) add({defined_logit(logits[i]), first + i});
}

namespace {

/// No logit would be changed.
bool is_plain(const SampleParams& params) {
  return params.history.empty() && params.logit_bias.empty() && params.banned.empty();
}

/// Dropped logits are `excluded`, their weights 0.
struct Candidates {
  float* logits;   // [n]
  float* weights;  // [n]
  int n;
  float maximum = 0;
  float temperature = 1;
};

void penalize(float* logits, int n, const SampleParams& params) {
  for (const auto [token, generated] : params.history) {
    if (token < 0 || token >= n) continue;
    float& logit = logits[token];
    if (params.repetition_penalty != 1) {
      logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    }
    if (generated > 0) {
      logit -= params.presence_penalty;
      logit -= params.frequency_penalty * static_cast<float>(generated);
    }
  }
}

void adjust(float* adjusted, const float* logits, int n, const SampleParams& params) {
  for (int i = 0; i < n; ++i) adjusted[i] = defined_logit(logits[i]);
  penalize(adjusted, n, params);
  for (const auto& [token, bias] : params.logit_bias) {
    if (token >= 0 && token < n) adjusted[token] += bias;
  }
  for (const std::int32_t token : params.banned) {
    if (token >= 0 && token < n) adjusted[token] = excluded;
  }
}

/// Keeps the logits above `lowest`, and the first n_equal, by id, of those that equal it.
void keep_from(Candidates& candidates, float lowest, int n_equal) {
  for (int i = 0; i < candidates.n; ++i) {
    const float logit = candidates.logits[i];
    if (logit > lowest || (logit == lowest && n_equal-- > 0)) continue;
    candidates.logits[i] = excluded;
    candidates.weights[i] = 0;
  }
}

// A heap of k finds the k-th largest: most logits are turned away by one comparison.
void keep_top_k(Candidates& candidates, int k) {
  if (k <= 0 || k >= candidates.n) return;
  float* top = candidates.weights;  // not filled yet
  std::partial_sort_copy(candidates.logits, candidates.logits + candidates.n, top, top + k,
                         std::greater<>{});
  const float lowest = top[k - 1];
  const auto n_equal = std::count(top, top + k, lowest);
  keep_from(candidates, lowest, static_cast<int>(n_equal));
}

// top_p needs the order of the tokens only around its threshold, so weights are first summed by how
// far a logit lies below the maximum, in bins; only the bin in which the sum is reached is sorted.
constexpr int n_bins = 1024;
constexpr float bins_per_unit = 10;  // of (maximum - logit) / temperature; e^-102 is 0 in f32

int bin_of(const Candidates& candidates, int i) {
  const float distance = (candidates.maximum - candidates.logits[i]) / candidates.temperature;
  return static_cast<int>(std::min(distance * bins_per_unit, static_cast<float>(n_bins - 1)));
}

/// Keeps from a bin's logits, of which `mass` is still wanted, as few of the largest as reach it.
void cut_in_bin(Candidates& candidates, int bin, double mass, float* scratch) {
  float* end = scratch;
  for (int i = 0; i < candidates.n; ++i) {
    if (candidates.weights[i] > 0 && bin_of(candidates, i) == bin) *end++ = candidates.logits[i];
  }
  std::sort(scratch, end, std::greater<>{});
  float* kept = scratch;
  for (double sum = 0; kept != end;) {
    float weight = 0;
    scaled_exp(&weight, kept, 1, candidates.maximum, candidates.temperature);
    sum += weight;
    ++kept;
    if (sum >= mass) break;
  }
  keep_from(candidates, kept[-1], static_cast<int>(std::count(scratch, kept, kept[-1])));
}

void keep_top_p(Candidates& candidates, float top_p, float* scratch) {
  if (top_p >= 1) return;
  std::array<double, n_bins> mass{};
  double total = 0;
  for (int i = 0; i < candidates.n; ++i) {
    if (candidates.weights[i] == 0) continue;
    mass[static_cast<std::size_t>(bin_of(candidates, i))] += candidates.weights[i];
    total += candidates.weights[i];
  }
  // top_p is below 1 by far more than the rounding of f64 sums, so some bin reaches it.
  double wanted = total * top_p;
  std::size_t bin = 0;
  for (; mass[bin] < wanted; ++bin) wanted -= mass[bin];
  cut_in_bin(candidates, static_cast<int>(bin), wanted, scratch);
}

/// By ascending id, the first token at which the running sum exceeds draw * total.
int pick(const Candidates& candidates, double draw) {
  double total = 0;
  for (int i = 0; i < candidates.n; ++i) total += candidates.weights[i];
  const double target = draw * total;
  double sum = 0;
  int picked = -1;
  for (int i = 0; i < candidates.n && sum <= target; ++i) {
    if (candidates.weights[i] == 0) continue;
    sum += candidates.weights[i];
    picked = i;
  }
  return picked;
}

}  // namespace

std::size_t sample_scratch_floats(int vocab_size) {
  return 3 * static_cast<std::size_t>(vocab_size);
}

std::int32_t sample(const float* logits, int vocab_size, const SampleParams& params,
                    float* scratch) {
  const bool greedy = params.temperature < std::numeric_limits<float>::min();
  if (greedy && is_plain(params)) {
    const int best = largest(logits, vocab_size);
    if (std::isfinite(logits[best])) return best;  // else by the rules for what is no number
  }
  Candidates candidates{scratch, scratch + vocab_size, vocab_size};
  adjust(candidates.logits, logits, vocab_size, params);
  const int best = largest(candidates.logits, vocab_size);
  candidates.maximum = candidates.logits[best];
  if (!(candidates.maximum > excluded)) return -1;
  if (greedy) return best;
  candidates.temperature = params.temperature;
  keep_top_k(candidates, params.top_k);
  scaled_exp(candidates.weights, candidates.logits, vocab_size, candidates.maximum,
             params.temperature);
  keep_top_p(candidates, params.top_p, scratch + 2 * static_cast<std::ptrdiff_t>(vocab_size));
  for (int i = 0; i < vocab_size; ++i) {
    if (candidates.weights[i] < params.min_p) candidates.weights[i] = 0;
  }
  return pick(candidates, uniform(params.seed, params.choice, params.position));
}

}  // namespace nanoflow::kernels
