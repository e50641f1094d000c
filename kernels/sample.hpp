// The next token from one row of logits.
//
// In this order: repetition penalty (Keskar et al., CTRL, 2019: logits of tokens seen are divided
// by it when positive, multiplied when negative), then minus presence and minus frequency * count
// of generated tokens, logit bias, banned tokens; temperature 0 takes the largest (the lowest id on
// ties). Otherwise weights are exp((logit - max) / temperature), and tokens are kept in descending
// order (lower id first on ties): the first top_k; of those, until their weights reach top_p of the
// kept sum, the token that reaches it included; of those, the ones whose weight is at least min_p.
// The draw u in [0, 1) picks the first kept token, by ascending id, at which the running sum
// exceeds u * sum.
//
// A logit that is NaN counts as minus infinity, plus infinity as the largest finite number. Sums
// are f64, by ascending id. No full sort: thresholds are found by selection. FLOPs about 20 a
// logit, bytes 12.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "kernels/isa.hpp"

namespace nanoflow::kernels {

/// A token that occurs in the prompt or was generated; each token at most once in a history.
struct TokenCount {
  std::int32_t token = 0;
  std::int32_t generated = 0;  // how often it was generated; 0: only in the prompt
};

struct SampleParams {
  float temperature = 1;
  int top_k = 0;  // 0: off
  float top_p = 1;
  float min_p = 0;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  float repetition_penalty = 1;
  std::span<const std::pair<std::int32_t, float>> logit_bias = {};
  std::span<const TokenCount> history = {};  // may be empty when no penalty is set
  std::span<const std::int32_t> banned =
      {};  // end tokens, while fewer than min_tokens are generated
  std::uint64_t seed = 0;
  std::uint32_t choice = 0;
  std::uint32_t position = 0;  // of the token that is picked
};

/// Floats of scratch for one call.
std::size_t sample_scratch_floats(int vocab_size);

/// logits [vocab_size], unchanged. Token ids outside the vocabulary in params are ignored. When no
/// token has a finite logit left, there is nothing to pick: returns -1, and the caller ends the
/// request with an error.
std::int32_t sample(const float* logits, int vocab_size, const SampleParams& params,
                    float* scratch);

/// Log probabilities under the raw logits' softmax: of `token`, and in `top` of the top.size()
/// likeliest, descending, the lower id first on ties; top.size() <= vocab_size.
float log_probabilities(std::span<std::pair<std::int32_t, float>> top, const float* logits,
                        int vocab_size, std::int32_t token);

}  // namespace nanoflow::kernels
