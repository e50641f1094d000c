// A small scheduler for tests: puts requests into steps in whatever way a test wants, and returns
// each one's tokens with the logits that chose them.
#pragma once
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/device/cpu_device.hpp"
#include "engine/device/cpu_model.hpp"

namespace nanoflow::test {

struct Request {
  std::vector<TokenId> prompt;
  int n_tokens = 1;  // to generate
  SamplingParams sampling{.temperature = 0, .logit_bias = {}, .end_tokens = {}};
  int choice = 0;
};

struct Answer {
  std::vector<TokenId> tokens;
  std::vector<std::vector<float>> logits;  // [tokens][vocab_size]
  std::vector<std::optional<TokenLogprobs>> logprobs;

  bool operator==(const Answer& other) const {
    return tokens == other.tokens && logits == other.logits;  // to the bit: no NaN in tests
  }
};

/// How requests become steps.
struct Mix {
  unsigned seed = 1;
  int max_chunk = 1 << 20;                // rows of a prompt in one step
  double join = 1.0;                      // probability of being in a step
  bool ahead = true;                      // step N+1 is prepared before step N has run
  bool shuffle_pages = true;              // page tables in no order
  std::optional<Schedule> schedule = {};  // how steps are run; nothing: sequentially
  /// [requests]: what each is to answer. Then decoding sequences get up to three guesses, right
  /// ones and wrong ones; nothing is prepared ahead.
  const std::vector<Answer>* guess_from = nullptr;
};

/// A device with a stream for each entry, of so many workers.
std::unique_ptr<CpuDevice> make_test_device(const std::vector<int>& workers);

std::shared_ptr<CpuModel> load_test_model(CpuDevice& device, const std::string& path,
                                          WeightFormat weights, int n_pages = 64,
                                          int max_step_tokens = 512,
                                          KvFormat kv = KvFormat::automatic);

/// Runs each program on its stream, each on a thread of its own.
void run_step(CpuDevice& device, const std::vector<std::shared_ptr<const Program>>& programs);

std::vector<Answer> serve(CpuDevice& device, CpuModel& model, const std::vector<Request>& requests,
                          const Mix& mix = {});

/// Each request by itself, on a device of its own: whole prompt at once, one worker, one stream.
std::vector<Answer> serve_alone(const std::string& path, WeightFormat weights, KvFormat kv,
                                const std::vector<Request>& requests);

std::vector<TokenId> random_prompt(std::mt19937& random, int n_tokens, int vocab_size);

}  // namespace nanoflow::test
