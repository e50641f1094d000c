// What the device says that it did while its peaks are measured, and when a step's launches ran.
// How fast that was is no test's business.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "engine/plan/candidates.hpp"
#include "kernels/peaks/loops.hpp"
#include "tests/engine/device/serve.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

struct Fixture {
  std::unique_ptr<CpuDevice> device = make_test_device({2, 2});
  std::shared_ptr<CpuModel> model =
      load_test_model(*device, NANOFLOW_TEST_DATA "/logits/llama", WeightFormat::f32, 8, 64);

  ProgramTimeline measure(ProbeLoad::Peak peak, int n_launches) {
    const auto programs = model->prepare_probe({{.n_launches = n_launches, .peak = peak}});
    BOOST_REQUIRE_EQUAL(programs.size(), 1u);
    return device->streams().front()->run(*programs.front()).front();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(peaks, Fixture)

BOOST_AUTO_TEST_CASE(a_peak_is_measured_by_as_much_work_as_the_timeline_says) {
  BOOST_REQUIRE(model->probe_limits().peaks == (kernels::peak_loops() != nullptr));
  if (!model->probe_limits().peaks) return;  // the plain kernels have none
  model->begin_probes();
  // A round of f32 is twelve vectors, each element a product and a sum; two workers.
  const double round = 2 * kernels::peak_loops()->f32(1);
  BOOST_TEST((round == 2 * 2 * 12 * 16 || round == 2 * 2 * 12 * 8));
  const auto multiplied = measure(ProbeLoad::Peak::products, 1);
  BOOST_TEST(multiplied.flops >= 10'000 * round);
  BOOST_TEST(std::fmod(multiplied.flops, round) == 0);
  BOOST_TEST(multiplied.bytes == 0);
  BOOST_TEST(multiplied.busy_ms() > 0);

  const auto once = measure(ProbeLoad::Peak::reading, 1),
             twice = measure(ProbeLoad::Peak::reading, 2);
  BOOST_TEST(once.flops == 0);
  BOOST_TEST(once.bytes > 100e6);  // more than caches hold
  BOOST_TEST(twice.bytes == 2 * once.bytes);
  model->end_probes();
}

// A model may be unloaded while a probe of it runs, and the planner then ends its probes.
BOOST_AUTO_TEST_CASE(a_probe_in_flight_keeps_its_memory) {
  std::vector<Probe> probes = {
      {{.kind = OperationKind::attention, .n_rows = 4, .context = 60, .n_launches = 3}}};
  if (model->probe_limits().peaks)
    probes.push_back({{.n_launches = 1, .peak = ProbeLoad::Peak::reading}});
  for (const auto& probe : probes) {
    model->begin_probes();
    const auto programs = model->prepare_probe(probe);
    model->end_probes();
    BOOST_TEST(device->streams().front()->run(*programs.front()).front().busy_ms() > 0);
  }
}

BOOST_AUTO_TEST_CASE(each_launch_of_a_step_says_when_it_ran) {
  for (const auto& schedule : candidate_schedules(model->graph(), {"compute", "memory"}, 2)) {
    Step step;
    step.number = 1;
    for (int i = 0; i < 2; ++i) {
      auto& sequence = step.sequences.emplace_back();
      sequence.slot = i;
      sequence.n_rows = 4;
      sequence.tokens = {1, 2, 3, 4};
      sequence.pages = {i};
      sequence.samples = true;
      sequence.start = std::make_shared<const SlotStart>(SlotStart{{1, 2, 3, 4}, 4});
      sequence.sampling = std::make_shared<const SamplingParams>();
    }
    const auto programs = model->prepare(step, schedule);
    run_step(*device, programs);
    std::size_t n_launches = 0;
    for (const auto& program : programs)
      for (const auto& instruction : program->instructions)
        n_launches += instruction.type == Instruction::Type::launch ? 1 : 0;
    const auto launches = model->launches(1);
    BOOST_TEST(launches.size() == n_launches, schedule.name);
    for (std::size_t i = 1; i < launches.size(); ++i) {
      BOOST_TEST(launches[i].end_ns >= launches[i].begin_ns);
      if (launches[i].stream == launches[i - 1].stream)
        BOOST_TEST(launches[i].begin_ns >= launches[i - 1].end_ns);
    }
    const auto layer = middle_layer(model->graph(), launches);
    BOOST_TEST(!layer.empty());
    BOOST_TEST(layer.size() < launches.size());
  }
}

BOOST_AUTO_TEST_SUITE_END()
