#include "actors/step_records.hpp"

#include <boost/test/unit_test.hpp>

#include "engine/plan/candidates.hpp"
#include "tests/engine/plan/model_configs.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

const std::vector<std::string> streams{"compute", "memory"};
const BatchSignature decode{64, 64, 256}, prompt{512, 0, 512};
const auto near = boost::test_tools::tolerance(1e-9);

struct Fixture {
  Graph graph = build_graph(smollm2_135m());
  StepRecords records{
      {.graph = graph, .weights = "bf16", .weight_bytes = 2, .kv_bytes = 1, .streams = streams}};
  ScheduleTable table{graph, candidate_schedules(graph, streams, 2)};

  wire::Json plan(bool explained = false) const {
    wire::Json plan;
    records.describe(plan, table, explained);
    return plan;
  }
  /// So many steps of each candidate, with a layer of two launches; one in `ms` by candidate.
  void run(const BatchSignature& signature, const std::vector<double>& ms, int n_steps) {
    for (int i = 0; i < n_steps; ++i) {
      const int candidate = table.choose(signature);
      const double took = ms.at(static_cast<std::size_t>(candidate));
      table.observe(signature, candidate, took, 1);
      records.keep(signature, candidate, took, layer());
    }
  }
  static std::vector<LaunchSpan> layer() {
    LaunchSpan multiply{.kind = OperationKind::gate_up, .block = 1, .layer = 15, .share = 0.5F};
    multiply.begin_ns = 5000;
    multiply.end_ns = 9000;
    LaunchSpan attend{.kind = OperationKind::attention, .stream = 1, .block = 1, .layer = 15};
    attend.row_begin = 32;
    attend.begin_ns = 6000;
    attend.end_ns = 20000;
    return {multiply, attend};
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(step_records, Fixture)

BOOST_AUTO_TEST_CASE(a_models_costs_are_known_before_anything_has_run) {
  const auto costs = plan().at("costs");
  BOOST_TEST(costs.at("row_flops").get<double>() == 2.0 * 106'168'320, near);
  BOOST_TEST(costs.at("sampled_row_flops").get<double>() == 2.0 * 28'311'552, near);
  BOOST_TEST(costs.at("weight_bytes").get<double>() == 2 * (134'479'872.0 + 61 * 576), near);
  BOOST_TEST(costs.at("kv_token_bytes").get<double>() == 30 * 2 * 192, near);  // 8 bits each
}

BOOST_AUTO_TEST_CASE(steps_are_counted_always_and_held_against_the_peaks_once_these_are_known) {
  StepShape step;
  step.n_tokens = 64;
  step.n_sampled = 64;
  step.context = 6400;
  step.kv_bytes = 1;
  records.add(step, decode, 0);
  BOOST_TEST(plan().at("ran").at("rows").get<double>() == 64);
  BOOST_TEST(plan().at("ran").at("roofline_seconds").get<double>() == 0);
  BOOST_TEST(!plan().contains("peaks"));
  records.use({400e9, 20e9});
  records.add(step, decode, 0);
  const auto ran = plan().at("ran");
  BOOST_TEST(ran.at("steps").get<int>() == 2);
  BOOST_TEST(ran.at("sampled_rows").get<double>() == 128);
  BOOST_TEST(ran.at("kv_bytes").get<double>() == 2 * 6400 * 30 * 2 * 192, near);
  // 64 x 268,959,744 FLOPs at 400 GFLOP/s take longer than 269 MB at 20 GB/s; 73.7 MB of K and V.
  BOOST_TEST(
      ran.at("roofline_seconds").get<double>() == 64 * 268'959'744.0 / 400e9 + 6400 * 11520 / 20e9,
      near);
  BOOST_TEST(plan().at("peaks").at("weights").get<std::string>() == "bf16");
}

BOOST_AUTO_TEST_CASE(the_chosen_schedule_is_drawn_beside_sequential) {
  run(decode, {10, 8, 9, 12}, 100);
  const auto drawn = plan(true).at("timelines");
  BOOST_REQUIRE_EQUAL(drawn.size(), 2u);
  BOOST_TEST(drawn[0].at("schedule").get<std::string>() == "sequential");
  BOOST_TEST(!drawn[0].at("chosen").get<bool>());
  BOOST_TEST(drawn[1].at("schedule").get<std::string>() == "side by side");
  BOOST_TEST(drawn[1].at("chosen").get<bool>());
  BOOST_TEST(drawn[1].at("step_ms").get<double>() == 8);
  BOOST_TEST(drawn[1].at("layer_us").get<double>() == 4);
  const auto& bars = drawn[1].at("bars");
  BOOST_REQUIRE_EQUAL(bars.size(), 2u);
  BOOST_TEST(bars[0].at("stream").get<std::string>() == "compute");
  BOOST_TEST(bars[0].at("operation").get<std::string>() == "gate_up");
  BOOST_TEST(bars[0].at("bound_by").get<std::string>() == "compute");
  BOOST_TEST(bars[0].at("share").get<double>() == 0.5);
  BOOST_TEST(bars[1].at("stream").get<std::string>() == "memory");
  BOOST_TEST(bars[1].at("bound_by").get<std::string>() == "memory");
  BOOST_TEST(bars[1].at("nano_batch").get<int>() == 1);
  BOOST_TEST(bars[1].at("begin_us").get<double>() == 1);
  BOOST_TEST(bars[1].at("end_us").get<double>() == 4);  // while the first stream is at the layer
}

BOOST_AUTO_TEST_CASE(sequential_is_drawn_beside_the_best_that_was_rejected) {
  run(decode, {10, 12, 11, 13}, 100);
  run(prompt, {10, 9, 8, 12}, 200);  // more steps were of this kind: it comes first
  const auto drawn = plan(true).at("timelines");
  BOOST_REQUIRE_EQUAL(drawn.size(), 4u);
  BOOST_TEST(drawn[0].at("rows").get<int>() == 512);
  BOOST_TEST(drawn[1].at("schedule").get<std::string>() == "attention apart, 2 nano-batches");
  BOOST_TEST(drawn[1].at("chosen").get<bool>());
  BOOST_TEST(drawn[2].at("rows").get<int>() == 64);
  BOOST_TEST(drawn[2].at("chosen").get<bool>());  // sequential
  BOOST_TEST(drawn[3].at("schedule").get<std::string>() == "attention apart, 2 nano-batches");
}

BOOST_AUTO_TEST_CASE(one_in_ever_more_steps_is_kept_of_each_candidate) {
  std::vector<int> kept;
  for (int step = 1; step <= 20; ++step)
    if (records.add({}, decode, 1)) kept.push_back(step);
  BOOST_TEST(kept == (std::vector<int>{1, 2, 4, 8, 16}), boost::test_tools::per_element());
  BOOST_TEST(records.add({}, decode, 0));
}

BOOST_AUTO_TEST_CASE(a_device_that_keeps_no_times_draws_nothing) {
  table.choose(decode);
  table.observe(decode, 0, 10, 1);
  records.keep(decode, 0, 10, {});
  BOOST_TEST(plan(true).at("timelines").empty());
}

BOOST_AUTO_TEST_SUITE_END()
