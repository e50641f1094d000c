// Promise 8 with guesses: the tokens, the logits that chose them and the log probabilities are to
// the bit those of one row at a time.
#include <boost/test/unit_test.hpp>

#include "engine/plan/candidates.hpp"
#include "tests/engine/device/serve.hpp"
#include "tests/engine/plan/random_schedule.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

const std::string folder = NANOFLOW_TEST_DATA "/logits/";
constexpr int vocab_size = 96;

/// Whatever a choice may depend on besides the logits.
std::vector<Request> make_requests() {
  std::mt19937 random(12);
  std::vector<Request> requests;
  for (const int n : {3, 27, 31, 50, 60, 90, 94, 126}) {
    Request request{random_prompt(random, n, vocab_size), 18};
    auto& sampling = request.sampling;
    const auto i = requests.size();
    if (i % 2 == 1) sampling.temperature = 0.9F;
    if (i % 4 >= 2) sampling.repetition_penalty = 1.3F;
    if (i % 3 == 1) sampling.frequency_penalty = 0.7F;
    if (i % 3 == 2) sampling.presence_penalty = 0.5F;
    if (i == 3) sampling.top_k = 5;
    if (i == 5) sampling.top_p = 0.7F;
    if (i >= 4) {  // half of the vocabulary is allowed in the middle of the answer only
      sampling.min_tokens = 9;
      for (TokenId token = 0; token < vocab_size / 2; ++token) sampling.end_tokens.push_back(token);
    }
    sampling.logit_bias = {{static_cast<TokenId>(i), 2.0F}};
    sampling.logprobs = static_cast<int>(i % 4) - 1;
    sampling.seed = i;
    request.choice = static_cast<int>(i % 2);
    requests.push_back(request);
  }
  return requests;
}

void check_same(const std::vector<Answer>& expected, const std::vector<Answer>& found,
                const std::string& how) {
  BOOST_REQUIRE_EQUAL(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    BOOST_TEST((found[i] == expected[i]), how << ": request " << i << " differs");
    for (std::size_t token = 0; token < expected[i].logprobs.size(); ++token) {
      const auto &a = expected[i].logprobs[token], &b = found[i].logprobs.at(token);
      BOOST_TEST((a.has_value() == b.has_value()));
      if (a) BOOST_TEST((a->logprob == b->logprob && a->top == b->top), how << ": request " << i);
    }
  }
}

void check_model(const std::string& name, WeightFormat weights, KvFormat kv = KvFormat::automatic) {
  const auto requests = make_requests();
  const auto expected = serve_alone(folder + name, weights, kv, requests);
  for (const int n_workers : {1, 3}) {
    auto device = make_test_device({n_workers});
    auto model = load_test_model(*device, folder + name, weights, 64, 512, kv);
    for (unsigned seed = 1; seed <= 2; ++seed) {
      const Mix mix{.seed = seed, .max_chunk = 50, .join = 0.7, .guess_from = &expected};
      check_same(expected, serve(*device, *model, requests, mix), "sequential");
      auto split = mix;
      split.schedule = split_schedule(model->graph(), 1 + static_cast<int>(seed));
      check_same(expected, serve(*device, *model, requests, split), "nano-batches");
    }
    const std::vector<Answer> last{expected.back()};  // by itself: a draft is all there is to cut
    check_same(last,
               serve(*device, *model, {requests.back()},
                     {.schedule = split_schedule(model->graph(), 3), .guess_from = &last}),
               "alone");
  }
  auto device = make_test_device({1, 1, 2});
  auto model = load_test_model(*device, folder + name, weights, 64, 512, kv);
  Random random(6);
  for (unsigned seed = 1; seed <= 4; ++seed)
    check_same(expected,
               serve(*device, *model, requests,
                     {.seed = seed,
                      .join = 0.8,
                      .schedule = random_schedule(random, model->graph()),
                      .guess_from = &expected}),
               "random schedule " + std::to_string(seed));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(speculation)

BOOST_AUTO_TEST_CASE(guesses_change_no_bit_of_a_dense_model) {
  check_model("llama", WeightFormat::bf16);
  check_model("llama", WeightFormat::f32);
  check_model("llama", WeightFormat::int4);
}

BOOST_AUTO_TEST_CASE(guesses_change_no_bit_of_experts_windows_and_8_bit_pages) {
  check_model("mixtral", WeightFormat::int8);
  check_model("gemma3", WeightFormat::bf16, KvFormat::int8);
}

BOOST_AUTO_TEST_SUITE_END()
