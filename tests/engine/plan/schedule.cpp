#include "engine/plan/schedule.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/engine/plan/model_configs.hpp"
#include "tests/engine/plan/random_schedule.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

/// Whether the message of what check_schedule throws holds the text.
auto says(const std::string& text) {
  return [text](const std::logic_error& error) {
    BOOST_TEST_INFO(error.what());
    return std::string(error.what()).find(text) != std::string::npos;
  };
}

void refused(const Graph& graph, const Schedule& schedule, const std::string& text) {
  BOOST_CHECK_EXCEPTION(check_schedule(graph, schedule), std::logic_error, says(text));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(schedule)

BOOST_AUTO_TEST_CASE(made_schedules_are_valid) {
  for (const auto& config : {smollm2_135m(), mixtral_8x7b(), gemma3_270m()}) {
    const auto graph = build_graph(config);
    check_schedule(graph, sequential_schedule(graph));
    for (int n = 1; n <= 4; ++n) check_schedule(graph, split_schedule(graph, n));
    Random random(7);
    for (int round = 0; round < 50; ++round) check_schedule(graph, random_schedule(random, graph));
  }
  BOOST_TEST(sequential_schedule(build_graph(smollm2_135m())).name == "sequential");
}

BOOST_AUTO_TEST_CASE(an_operation_that_never_runs_is_refused) {
  const auto graph = build_graph(smollm2_135m());
  auto schedule = split_schedule(graph, 2);
  schedule.blocks[1].pop_back();
  refused(graph, schedule, "ffn_add on nano-batch 1 never runs");
}

BOOST_AUTO_TEST_CASE(an_operation_that_runs_twice_is_refused) {
  const auto graph = build_graph(smollm2_135m());
  auto schedule = sequential_schedule(graph);
  schedule.blocks[1].push_back(schedule.blocks[1].front());
  refused(graph, schedule, "attention_norm on nano-batch 0 runs twice");
}

BOOST_AUTO_TEST_CASE(an_operation_before_its_input_is_refused) {
  const auto graph = build_graph(smollm2_135m());
  auto schedule = sequential_schedule(graph);
  std::swap(schedule.blocks[1][0], schedule.blocks[1][1]);
  refused(graph, schedule, "qkv on nano-batch 0 runs before attention_norm");
}

// Rows of a sequence that is cut attend to its rows in the nano-batch before.
BOOST_AUTO_TEST_CASE(attention_before_an_earlier_nano_batch_is_stored_is_refused) {
  const auto graph = build_graph(smollm2_135m());
  auto schedule = split_schedule(graph, 2);
  auto& order = schedule.blocks[1];
  std::stable_sort(order.begin(), order.end(), [](const auto& left, const auto& right) {
    return left.nano_begin > right.nano_begin;
  });
  refused(graph, schedule, "attention on nano-batch 1 runs before rope_store on nano-batch 0");
}

BOOST_AUTO_TEST_CASE(values_out_of_range_are_refused) {
  const auto graph = build_graph(smollm2_135m());
  const auto good = sequential_schedule(graph);
  auto bad = good;
  bad.blocks[1][0].stream = 1;
  refused(graph, bad, "stream 1 of 1");
  bad = good;
  bad.blocks[1][0].share = 0;
  refused(graph, bad, "share");
  bad = good;
  bad.blocks[1][0].operation = 99;
  refused(graph, bad, "operation 99");
  bad = good;
  bad.blocks[1][0].nano_end = 2;
  refused(graph, bad, "nano-batches [0, 2)");
  bad = good;
  bad.nano_batches = {0.5F, 0.4F};
  refused(graph, bad, "sum to 0.9");
  bad = good;
  bad.nano_batches = {};
  refused(graph, bad, "sum to 0");
  bad = good;
  bad.blocks.pop_back();
  refused(graph, bad, "blocks");
  BOOST_CHECK_THROW(split_schedule(graph, 0), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_signature_says_rows_decodes_and_mean_context) {
  Step step;
  step.sequences.resize(3);
  step.sequences[0].n_rows = 30;
  step.sequences[1].position = 49;
  step.sequences[1].n_rows = 1;
  step.sequences[2].position = 99;
  step.sequences[2].n_rows = 1;
  const auto signature = batch_signature(step);
  BOOST_TEST(signature.n_tokens == 32);
  BOOST_TEST(signature.n_decode == 2);
  BOOST_TEST(signature.mean_context == (30 + 50 + 100) / 3);
  BOOST_TEST(batch_signature(Step{}).mean_context == 0);
}

BOOST_AUTO_TEST_SUITE_END()
