// Counters, rates and traces: what the monitor says, without the actor.
#include <boost/test/unit_test.hpp>

#include "actors/activity.hpp"
#include "actors/metrics.hpp"
#include "actors/request_cost.hpp"
#include "actors/trace_events.hpp"

namespace nanoflow {
namespace {

constexpr std::int64_t ms = 1'000'000;  // in ns

StreamTimeline timeline(std::int64_t begin_ms, std::int64_t end_ms, double flops = 0) {
  StreamTimeline timeline;
  timeline.stream = "compute";
  timeline.timeline.start_ns = begin_ms * ms;
  timeline.timeline.end_ns = end_ms * ms;
  timeline.timeline.flops = flops;
  return timeline;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(activity)

BOOST_AUTO_TEST_CASE(is_that_of_the_last_second_only) {
  StreamActivity activity;
  activity.add(timeline(0, 500, 1e9));
  activity.add(timeline(2000, 2250, 4e9));
  const auto rates = activity.rates(2500 * ms);
  BOOST_TEST(rates.at(0).busy_share == 0.25, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(rates.at(0).flops_per_s == 4e9, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(activity.rates(9000 * ms).at(0).busy_share == 0);
  BOOST_TEST(activity.totals().at("compute").flops == 5e9);
}

BOOST_AUTO_TEST_CASE(is_busy_only_while_it_waits_for_nobody) {
  StreamActivity activity;
  auto program = timeline(1000, 1500);
  program.timeline.wait_ns = 200 * ms;
  activity.add(program);
  BOOST_TEST(activity.rates(2000 * ms).at(0).busy_share == 0.3, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(activity.totals().at("compute").busy_s == 0.3, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(counts_the_part_of_a_program_that_lies_in_the_second) {
  StreamActivity activity;
  activity.add(timeline(0, 2000, 8e9));
  const auto rates = activity.rates(2000 * ms);
  BOOST_TEST(rates.at(0).busy_share == 1.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(rates.at(0).flops_per_s == 4e9, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(has_a_token_rate_while_something_runs) {
  TokenRate rate;
  const Clock::time_point begin{std::chrono::seconds(100)};
  rate.sample(begin, 0, 0);
  rate.sample(begin + std::chrono::seconds(1), 300, 50);
  BOOST_TEST(rate.rate(begin + std::chrono::seconds(1)).prompt_per_s == 300);
  BOOST_TEST(rate.rate(begin + std::chrono::seconds(1)).decode_per_s == 50);
  BOOST_TEST(rate.rate(begin + std::chrono::seconds(9)).decode_per_s == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(are_in_the_exposition_format) {
  RequestMetrics metrics;
  RequestRecord record;
  record.model = "a\"b\n";
  record.finish = "stop";
  record.prompt_tokens = 7;
  record.ttft_ms = 20;
  metrics.add(record);
  metrics.add(record);
  MetricsText text;
  metrics.write(text);
  const auto holds = [&](const char* line) { return text.text().find(line) != std::string::npos; };
  BOOST_TEST(holds("# TYPE nanoflow_requests_total counter\n"));
  BOOST_TEST(holds("nanoflow_requests_total{model=\"a\\\"b\\n\",finish=\"stop\"} 2\n"));
  BOOST_TEST(holds("nanoflow_prompt_tokens_total{model=\"a\\\"b\\n\"} 14\n"));
  BOOST_TEST(holds("nanoflow_time_to_first_token_seconds_bucket{le=\"0.01\"} 0\n"));
  BOOST_TEST(holds("nanoflow_time_to_first_token_seconds_bucket{le=\"0.025\"} 2\n"));
  BOOST_TEST(holds("nanoflow_time_to_first_token_seconds_bucket{le=\"+Inf\"} 2\n"));
  BOOST_TEST(holds("nanoflow_time_to_first_token_seconds_count 2\n"));
  BOOST_TEST(holds("nanoflow_time_to_first_token_seconds_sum 0.04\n"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(a_trace)

BOOST_AUTO_TEST_CASE(has_a_lane_for_a_stream_and_bars_inside_their_step) {
  auto recorded = timeline(10, 15, 5);
  recorded.timeline.step = 3;
  recorded.timeline.kind_ns[std::size_t(OperationKind::qkv)] = 1 * ms;
  recorded.timeline.kind_ns[std::size_t(OperationKind::attention)] = 3 * ms;
  recorded.timeline.wait_ns = 1 * ms;
  const wire::Json events = trace_events({recorded}).at("traceEvents");
  BOOST_TEST(events.size() == 5u);
  BOOST_TEST(events[0].at("args").at("name") == "compute");
  BOOST_TEST(events[1].at("name") == "step 3");
  BOOST_TEST(events[1].at("dur") == 5000.0);
  BOOST_TEST(events[1].at("args").at("flops_per_s").get<double>() == 1000.0);  // 5 in 5 ms
  BOOST_TEST(events[2].at("name") == "qkv");
  BOOST_TEST(events[3].at("ts") == 1000.0);
  BOOST_TEST(events[3].at("dur") == 3000.0);
  BOOST_TEST(events[4].at("name") == "wait");
  BOOST_TEST(events[4].at("ts") == 4000.0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(the_cost_of_a_request)

/// One weight matrix of 100 numbers, 200 FLOPs a row; 10 numbers of K and V per token of context.
Graph small_graph() {
  Operation dense, attention;
  dense.flops_per_row = 200;
  dense.weights = 100;
  attention.flops_per_attended = 4;
  attention.kv_per_token = 10;
  Graph graph;
  graph.blocks = {{"prologue", {}}, {"dense", {dense, attention}}, {"epilogue", {}}};
  graph.layers = {1};
  return graph;
}

BOOST_AUTO_TEST_CASE(counts_rows_and_reads_weights_once_a_step) {
  Finished finished;
  finished.prompt_tokens = 4;
  finished.completion_tokens = 3;  // the prompt's step gives the first, two rows the others
  finished.rows = 6;
  finished.attended = 1 + 2 + 3 + 4 + 5 + 6;
  finished.page_seconds = 2;
  const wire::Cost cost = request_cost(small_graph(), 2, 1, finished);
  BOOST_TEST(cost.flops == 6 * 200 + 21 * 4);
  // Three steps' weights of 2 bytes; context 4, then 5 and 6 (5.5 in the mean, cut to 5) of 1.
  BOOST_TEST(cost.bytes == 3 * 100 * 2 + (4 + 2 * 5) * 10 * 1);
  BOOST_TEST(cost.page_seconds == 2);
}

BOOST_AUTO_TEST_CASE(is_only_its_pages_where_nothing_was_computed) {
  BOOST_TEST(request_cost(small_graph(), 2, 1, {}).flops == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
