// Times by a made-up profile, worked out by hand.
#include "engine/plan/predict.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "engine/plan/candidates.hpp"
#include "engine/plan/schedule_table.hpp"
#include "tests/engine/plan/model_configs.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

const std::vector<std::string> streams{"compute", "memory"};
const BatchSignature decode{64, 64, 256};

/// Two layers. On the whole device gate_up takes 1 ms and 1/64 ms a row, attention 1 ms for 4096
/// positions; on half of it twice as long. All else takes no time.
struct Fixture {
  Fixture() {
    auto config = smollm2_135m();
    config.n_layers = 2;
    config.layers.resize(2);
    graph = build_graph(config);
    for (const float share : {1.0F, 0.5F}) {
      profile.add(OperationKind::gate_up, share, 0, 1 / share);
      profile.add(OperationKind::gate_up, share, 64, 2 / share);
      profile.add(OperationKind::attention, share, 0, 0);
      profile.add(OperationKind::attention, share, 4096, 1 / share);
    }
  }
  double predicted(const Schedule& schedule) const {
    return predict_ms(graph, schedule, typical_step(decode), profile);
  }
  Graph graph;
  Profile profile;
};

const auto near = boost::test_tools::tolerance(1e-6);

}  // namespace

BOOST_FIXTURE_TEST_SUITE(predict, Fixture)

BOOST_AUTO_TEST_CASE(a_typical_step_has_its_signature) {
  for (const BatchSignature wanted :
       {decode, BatchSignature{500, 0, 700}, {100, 40, 300}, {9, 2, 300, 7}}) {
    const auto found = batch_signature(typical_step(wanted));
    BOOST_TEST(found.n_tokens == wanted.n_tokens);
    BOOST_TEST(found.n_decode == wanted.n_decode);
    BOOST_TEST(found.mean_context == wanted.mean_context);
    BOOST_TEST(found.n_draft == wanted.n_draft);
  }
}

BOOST_AUTO_TEST_CASE(one_stream_takes_the_sum) {
  // 64 rows see 16384 positions: two layers of 2 ms and 4 ms.
  BOOST_TEST(predicted(sequential_schedule(graph)) == 12, near);
  // Two halves: gate_up twice 1.5 ms, attention twice 2 ms.
  BOOST_TEST(predicted(split_schedule(graph, 2)) == 14, near);
}

BOOST_AUTO_TEST_CASE(streams_beside_each_other_take_as_long_as_the_slower_one) {
  // Each half of the rows on half of the device: 3 ms and 4 ms a layer.
  BOOST_TEST(predicted(overlapped_schedule(graph, streams, {})) == 14, near);
}

BOOST_AUTO_TEST_CASE(each_keeps_its_part_of_its_speed_while_the_other_runs) {
  // Both streams attend at the same time, then both multiply.
  profile.add_keeps(OperationKind::attention, OperationKind::attention, 0.5);
  BOOST_TEST(predicted(overlapped_schedule(graph, streams, {})) == 22, near);
  profile.add_keeps(OperationKind::gate_up, OperationKind::gate_up, 0.75);
  BOOST_TEST(predicted(overlapped_schedule(graph, streams, {})) == 24, near);
}

BOOST_AUTO_TEST_CASE(attention_apart_waits_for_its_inputs) {
  // In each layer the follower attends to one half (4 ms), then to the other (4 ms), beside which
  // the leader multiplies the first (3 ms); then it multiplies the second (3 ms).
  BOOST_TEST(
      predicted(overlapped_schedule(graph, streams, {.apart = {OperationKind::attention}})) == 22,
      near);
}

BOOST_AUTO_TEST_CASE(an_operation_between_measured_sizes_takes_its_part) {
  BOOST_TEST(profile.launch_ms(OperationKind::gate_up, 1, 32) == 1.5, near);
  BOOST_TEST(profile.launch_ms(OperationKind::gate_up, 1, 128) == 3, near);
  BOOST_TEST(profile.launch_ms(OperationKind::gate_up, 0.6F, 64) == 4, near);
  BOOST_TEST(profile.launch_ms(OperationKind::down, 1, 64) == 0);
}

BOOST_AUTO_TEST_CASE(the_table_tries_what_is_promising_and_the_best_in_any_case) {
  ScheduleTable table(graph, candidate_schedules(graph, streams, 2));
  table.use(profile);
  std::vector<int> chosen(table.candidates().size());
  for (int i = 0; i < 40; ++i) {
    const int candidate = table.choose(decode);
    ++chosen[static_cast<std::size_t>(candidate)];
    table.observe(decode, candidate, candidate == 0 ? 10 : 12, 1);
  }
  const auto& entry = table.entries().begin()->second;
  BOOST_TEST(entry.observed[0].predicted_ms == 12, near);
  BOOST_TEST(entry.observed[1].predicted_ms == 14, near);
  BOOST_TEST(chosen[1] > 0);   // 17% slower than sequential, but the best of the others
  BOOST_TEST(chosen[2] == 0);  // 22 ms
  BOOST_TEST(entry.best == 0);
}

BOOST_AUTO_TEST_SUITE_END()

namespace {

/// 8 million FLOPs in 2 ms, 60 million bytes in 2 ms; now and then somebody else runs for 5 ms.
ProgramTimeline peak_timeline(ProbeLoad::Peak peak, int n_probes) {
  ProgramTimeline timeline;
  timeline.end_ns = n_probes % 3 == 0 ? 5'000'000 : 2'000'000;
  if (peak == ProbeLoad::Peak::products)
    timeline.flops = 8e6;
  else
    timeline.bytes = 60e6;
  return timeline;
}

}  // namespace

BOOST_AUTO_TEST_CASE(of_a_single_stream_a_profiler_asks_for_the_peaks_only) {
  Profiler profiler(build_graph(smollm2_135m()), 2,
                    {.n_streams = 1, .max_rows = 512, .max_sampled = 64, .peaks = true});
  int n_probes = 0;
  while (const auto probe = profiler.next()) {
    BOOST_REQUIRE((probe->size() == 1 && probe->front().peak != ProbeLoad::Peak::none));
    profiler.add({peak_timeline(probe->front().peak, ++n_probes)});
  }
  BOOST_TEST(n_probes == 10);
  BOOST_TEST(profiler.profile().empty());
  BOOST_TEST(profiler.profile().peaks().known());
}

// The profiler asks a device that the test makes up.
BOOST_AUTO_TEST_CASE(a_profiler_finds_the_times_and_what_pairs_keep) {
  const auto graph = build_graph(smollm2_135m());
  Profiler profiler(graph, 2, {.n_streams = 2, .max_rows = 512, .max_sampled = 64, .peaks = true});
  const auto launch_ms = [](const ProbeLoad& load) {
    return (0.01 + 0.001 * probe_size(load) / (load.kind == OperationKind::attention ? 256 : 1)) /
           load.share;
  };
  int n_probes = 0;
  while (const auto probe = profiler.next()) {
    BOOST_REQUIRE(++n_probes < 1000);
    if (probe->front().peak != ProbeLoad::Peak::none) {
      // Whatever kept the machine busy at first has ended when it is measured again at the end.
      auto timeline = peak_timeline(probe->front().peak, n_probes);
      if (n_probes <= 10) timeline.end_ns *= 4;
      profiler.add({timeline});
      continue;
    }
    int rows = 0;
    std::vector<double> ms;
    for (const auto& load : *probe) {
      BOOST_REQUIRE(load.n_launches > 0);
      if (load.kind == OperationKind::lm_head) BOOST_REQUIRE(load.n_rows <= 64);
      rows += load.n_rows;
      ms.push_back(load.n_launches * launch_ms(load));
    }
    BOOST_REQUIRE(rows <= 512);
    if (probe->size() == 2) {
      // Beside each other both run at 0.8 until the shorter one has ended.
      const double together = std::min(ms[0], ms[1]) / 0.8;
      for (auto& each : ms) each = each <= 0.8 * together + 1e-9 ? together : each + 0.2 * together;
    }
    std::vector<ProgramTimeline> timelines;
    for (const double each : ms) timelines.push_back({.end_ns = std::llround(each * 1e6)});
    profiler.add(timelines);
  }
  const auto& profile = profiler.profile();
  BOOST_TEST(profile.peaks().flops_per_s == 4e9, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(profile.peaks().read_bytes_per_s == 3e10, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(profile.launch_ms(OperationKind::qkv, 0.5F, 64) == 2 * 0.074,
             boost::test_tools::tolerance(1e-6));
  BOOST_TEST(profile.launch_ms(OperationKind::attention, 1, 64 * 256) == 0.074,
             boost::test_tools::tolerance(1e-6));
  for (const auto& [pair, keeps] : profile.pairs())
    BOOST_TEST(keeps == 0.8, boost::test_tools::tolerance(1e-6));
  BOOST_TEST(profile.pairs().size() == 10u * 10u);
}
