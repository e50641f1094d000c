// Promise 8: the same request gives the same bits, whatever else is in the batch and however it is
// split.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>

#include "engine/plan/candidates.hpp"
#include "tests/engine/device/serve.hpp"
#include "tests/engine/plan/random_schedule.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

const std::string folder = NANOFLOW_TEST_DATA "/logits/";
constexpr int vocab_size = 96;

/// Prompts that cross pages of 32 and blocks of 128, greedy and sampled.
std::vector<Request> make_requests() {
  std::mt19937 random(11);
  std::vector<Request> requests;
  for (const int n : {1, 5, 31, 32, 64, 100, 129, 140}) {
    Request request{random_prompt(random, n, vocab_size), 6};
    if (n % 2 == 0) request.sampling.temperature = 0.8F;
    if (n > 90) request.sampling.repetition_penalty = 1.2F;
    request.sampling.seed = static_cast<std::uint64_t>(n);
    requests.push_back(request);
  }
  return requests;
}

/// Two streams, each with one half of the rows; the second one also takes all of attention.
Schedule crossed(const Graph& graph) {
  auto schedule = split_schedule(graph, 2);
  schedule.name = "crossed";
  schedule.streams = {"left", "right"};
  for (std::size_t block = 0; block < graph.blocks.size(); ++block)
    for (auto& launch : schedule.blocks[block]) {
      const auto kind = graph.blocks[block].operations[launch.operation].kind;
      launch.stream = kind == OperationKind::attention ? 1 : launch.nano_begin;
    }
  return schedule;
}

void check_same(const std::vector<Answer>& expected, const std::vector<Answer>& found,
                const std::string& how) {
  BOOST_REQUIRE_EQUAL(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    BOOST_TEST((found[i] == expected[i]), how << ": request " << i << " differs");
}

void check_model(const std::string& name, WeightFormat weights, KvFormat kv = KvFormat::automatic) {
  const auto requests = make_requests();
  const auto expected = serve_alone(folder + name, weights, kv, requests);
  for (const int n_workers : {1, 2, 3}) {
    auto device = make_test_device({n_workers});
    auto model = load_test_model(*device, folder + name, weights, 64, 512, kv);
    check_same(expected, serve(*device, *model, requests, {.max_chunk = 33, .join = 0.5}),
               std::to_string(n_workers) + " workers, mixed");
    for (int n = 2; n <= 4; ++n) {
      const auto split = split_schedule(model->graph(), n);
      check_same(expected,
                 serve(*device, *model, requests,
                       {.seed = static_cast<unsigned>(n), .join = 0.9, .schedule = split}),
                 std::to_string(n_workers) + " workers, " + std::to_string(n) + " nano-batches");
      // By itself in odd chunks: every cut is within the sequence, and few are where a tile ends.
      for (unsigned seed = 1; seed <= 3; ++seed)
        check_same({expected.back()},
                   serve(*device, *model, {requests.back()},
                         {.seed = seed, .max_chunk = 120, .schedule = split}),
                   std::to_string(n) + " nano-batches of one prompt");
    }
  }
  auto device = make_test_device({1, 1, 2});
  auto model = load_test_model(*device, folder + name, weights, 64, 512, kv);
  check_same(
      expected,
      serve(*device, *model, requests, {.max_chunk = 70, .schedule = crossed(model->graph())}),
      "two streams");
  // As on a machine of three processors: the teams' shares are parts of it.
  auto shared = make_test_device({3, 2});
  auto shared_model = load_test_model(*shared, folder + name, weights, 64, 512, kv);
  for (const auto& schedule : candidate_schedules(shared_model->graph(), {"compute", "memory"}, 3))
    check_same(expected,
               serve(*shared, *shared_model, requests, {.max_chunk = 70, .schedule = schedule}),
               schedule.name);
  Random random(5);
  for (int round = 0; round < 5; ++round) {
    check_same(expected,
               serve(*device, *model, requests,
                     {.seed = static_cast<unsigned>(round),
                      .join = 0.8,
                      .schedule = random_schedule(random, model->graph())}),
               "random schedule " + std::to_string(round));
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(invariance)

BOOST_AUTO_TEST_CASE(a_dense_model_gives_the_same_bits_in_any_batch) {
  check_model("llama", WeightFormat::bf16);
  check_model("llama", WeightFormat::f32);
  check_model("llama", WeightFormat::int8);
  check_model("llama", WeightFormat::int4);
}

BOOST_AUTO_TEST_CASE(heads_that_are_no_whole_blocks_of_inputs_give_the_same_bits_in_any_batch) {
  check_model("llama-mha-f32", WeightFormat::bf16);
  check_model("llama-mha-f32", WeightFormat::int8);
}

BOOST_AUTO_TEST_CASE(a_mixture_of_experts_gives_the_same_bits_in_any_batch) {
  check_model("mixtral", WeightFormat::bf16);
  check_model("mixtral", WeightFormat::int4);
}

BOOST_AUTO_TEST_CASE(keys_and_values_of_8_bits_give_the_same_bits_in_any_batch) {
  check_model("llama", WeightFormat::int8, KvFormat::int8);
  check_model("gemma3", WeightFormat::bf16, KvFormat::int8);  // windowed
}

BOOST_AUTO_TEST_CASE(windows_and_post_norms_give_the_same_bits_in_any_batch) {
  check_model("gemma3", WeightFormat::bf16);
}

BOOST_AUTO_TEST_SUITE_END()
