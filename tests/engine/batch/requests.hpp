// Small requests, and options with room for them.
#pragma once
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/engine/batch/serving.hpp"

namespace nanoflow::test {

inline constexpr Batcher::Options roomy{
    .context = 512, .n_pages = 64, .max_sequences = 4, .max_step_tokens = 64, .max_waiting = 100};

inline std::shared_ptr<const SamplingParams> greedy() {
  auto params = std::make_shared<SamplingParams>();
  params->temperature = 0;
  return params;
}

/// Tokens first, first + 1, ...: prompts with different first do not share a prefix.
inline BatchRequest request(RequestId id, int n_prompt, int max_tokens, int first = 0) {
  std::vector<TokenId> prompt(static_cast<std::size_t>(n_prompt));
  for (int i = 0; i < n_prompt; ++i) prompt[static_cast<std::size_t>(i)] = (first + i) % vocab_size;
  BatchRequest result;
  result.id = id;
  result.prompt = std::make_shared<const std::vector<TokenId>>(std::move(prompt));
  result.max_tokens = max_tokens;
  result.sampling = greedy();
  return result;
}

/// Those that have generated nothing yet, in the order in which they go first.
inline std::vector<RequestId> order_of(const Batcher& batcher) {
  std::vector<RequestId> order;
  for (const auto& progress : batcher.progress()) order.push_back(progress.request);
  return order;
}

/// Proposes and forms; the step must come.
inline Step next_step(Serving& serving) {
  BOOST_REQUIRE(serving.propose());
  BOOST_REQUIRE(serving.form());
  return serving.formed.back();
}

}  // namespace nanoflow::test
