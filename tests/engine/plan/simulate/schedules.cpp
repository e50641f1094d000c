// What holds for every schedule that the search finds, whatever the device and the model.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <map>

#include "engine/plan/simulate/model_shape.hpp"
#include "engine/plan/simulate/simulate.hpp"

using namespace nanoflow;
using namespace nanoflow::simulate;

namespace {

const std::vector<std::string> models = {"llama-2-70b", "llama-3-8b",   "llama-3-70b",
                                         "qwen2-72b",   "deepseek-67b", "mixtral-8x7b"};
const std::vector<std::pair<int, int>> workloads = {{1, 1}, {512, 512}, {100, 2000}, {3000, 10}};

struct Case {
  std::string profile, model;
  Workload workload;
};
std::ostream& operator<<(std::ostream& out, const Case& which) {
  return out << which.model << " on " << which.profile << ' ' << which.workload.input << ':'
             << which.workload.output;
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const auto& model : models)
    for (const auto& [input, output] : workloads)
      cases.push_back({"a100-80g-sxm-x8", model, {input, output}});
  for (const auto& [input, output] : workloads)
    cases.push_back({"h200", "llama-3-8b", {input, output}});
  cases.push_back({"h200", "mixtral-8x7b", {512, 512}});
  return cases;
}

Simulation run(const Case& which) {
  return simulate::simulate(load_profile(which.profile), find_shape(which.model), which.workload);
}

/// Every launch begins after its inputs have ended, those of the previous layer included.
void check_dependencies(const DeviceLayer& layer, const LayerSchedule& schedule,
                        const Timeline& timeline) {
  std::map<std::tuple<int, int, int>, Span> spans;  // [layer, operation, nano-batch]
  for (const auto& span : timeline.spans) {
    const auto& launch = schedule.launches[span.launch];
    BOOST_REQUIRE(
        spans.emplace(std::tuple(span.layer, launch.operation, launch.nano), span).second);
  }
  const int last = static_cast<int>(layer.operations.size()) - 1;
  for (const auto& [key, span] : spans) {
    const auto& [number, operation, nano] = key;
    for (const int input : layer.operations[operation].inputs)
      BOOST_REQUIRE_GE(span.begin, spans.at({number, input, nano}).end);
    if (number > 0 && layer.operations[operation].reads_previous_layer)
      BOOST_REQUIRE_GE(span.begin, spans.at({number - 1, last, nano}).end);
  }
}

void check_shares(const LayerSchedule& schedule, const Timeline& timeline) {
  for (const auto& slice : timeline.slices) {
    double sum = 0;
    for (int stream = 0; stream < n_streams; ++stream) {
      sum += slice.share[stream];
      if (slice.launch[stream] < 0) continue;
      BOOST_REQUIRE_EQUAL(schedule.launches[slice.launch[stream]].stream, stream);
      BOOST_REQUIRE_GT(slice.share[stream], 0);
    }
    BOOST_REQUIRE_LE(sum, 1 + 1e-9);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(schedules)

BOOST_DATA_TEST_CASE(a_search_ends_and_what_it_finds_holds,
                     boost::unit_test::data::make(all_cases()), which) {
  const auto result = run(which);
  BOOST_TEST(result.n_tried > 0);
  BOOST_TEST(result.n_tried < 200'000);
  // Sequential is a candidate, so the choice is never slower; and no schedule beats the bound.
  BOOST_TEST(result.chosen().seconds <= result.sequential.seconds);
  BOOST_TEST(result.chosen().seconds <= result.nano_batched.seconds);
  BOOST_TEST(result.chosen().seconds >= result.bound);

  for (std::size_t kind = 0; kind < result.graph.layers.size(); ++kind)
    for (const auto* outcome : {&result.sequential, &result.nano_batched, &result.overlapped}) {
      const auto& layer = result.graph.layers[kind];
      const auto& schedule = outcome->schedules[kind];
      constexpr int n_layers = 6;
      const auto timeline =
          VirtualTime(layer, result.profile, result.batch, schedule).run(n_layers, true);
      BOOST_TEST(timeline.spans.size() == schedule.launches.size() * n_layers);
      check_dependencies(layer, schedule, timeline);
      check_shares(schedule, timeline);
    }
}

// Sequential is the sum of its operations: nothing runs beside anything.
BOOST_AUTO_TEST_CASE(sequential_takes_the_sum_of_its_operations) {
  const auto result = run({"a100-80g-sxm-x8", "llama-2-70b", {512, 512}});
  const int rows = result.batch.n_tokens;
  double sum = 0;
  for (const auto& operation : result.graph.layers[0].operations)
    sum += 80 * seconds(operation, result.profile, result.batch, rows);
  for (const auto& operation : result.graph.outside)
    sum += seconds(operation, result.profile, result.batch, rows);
  BOOST_TEST(result.sequential.seconds == sum, boost::test_tools::tolerance(1e-9));
}

// A product and a reader at a share of 0.4, by hand: the product keeps 0.6 of its speed, the reader
// gets 0.8 of its own; when the reader has ended the product has everything again.
BOOST_AUTO_TEST_CASE(two_launches_share_the_device_as_the_profile_says) {
  DeviceProfile profile;
  profile.flops = 1e12;
  profile.units = 10;
  profile.memory_bandwidth = 1e9;
  profile.gemv = ShareCurve({{0.4, 0.8}});
  SteadyBatch batch;
  batch.n_tokens = 1000;
  DeviceLayer layer;
  layer.operations.resize(2);
  layer.operations[0].kind = DeviceOperation::Kind::gemm;
  layer.operations[0].gemms = {{1000, 1e6}};  // 2e12 FLOP: 2 s, in many full waves
  layer.operations[1].kind = DeviceOperation::Kind::decode_attention;
  layer.operations[1].bytes = 0.8e9;  // 0.8 s
  LayerSchedule schedule{
      "by hand",
      {1000},
      {{.operation = 0}, {.operation = 1, .stream = memory_stream, .share = 0.4}}};
  const auto timeline = VirtualTime(layer, profile, batch, schedule).run(1, true);
  BOOST_REQUIRE_EQUAL(timeline.slices.size(), 2);
  BOOST_TEST(timeline.slices[0].end == 1.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(timeline.seconds == 1.0 + (2 - 0.6), boost::test_tools::tolerance(1e-5));  // waves
}

BOOST_AUTO_TEST_CASE(broken_schedules_are_refused) {
  const auto result = run({"h200", "llama-3-8b", {512, 512}});
  const auto& layer = result.graph.layers[0];
  const auto refused = [&](const LayerSchedule& schedule) {
    BOOST_CHECK_THROW(VirtualTime(layer, result.profile, result.batch, schedule).run(2, false),
                      std::logic_error);
  };
  const auto whole = one_stream(layer, "whole", {result.batch.n_tokens});
  auto schedule = whole;
  schedule.launches.pop_back();
  refused(schedule);
  schedule = whole;
  schedule.launches.push_back(schedule.launches.back());
  refused(schedule);
  schedule = whole;
  std::swap(schedule.launches.front(), schedule.launches.back());  // waits for itself
  refused(schedule);
  schedule = whole;
  schedule.launches.front().nano = 1;
  refused(schedule);
  schedule = whole;
  schedule.nano_rows = {1};
  refused(schedule);
}

BOOST_AUTO_TEST_SUITE_END()
