#include "actors/planner.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "actors/errors.hpp"
#include "actors/profile_file.hpp"
#include "tests/actors/world.hpp"
#include "tests/engine/plan/model_configs.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

/// Counts who takes memory for probes, and who gives it back.
struct ProbedModel : DeviceModel {
  const Graph& graph() const override { return graph_; }
  std::string weights() const override { return "f32"; }
  double weight_bytes() const override { return 4; }
  std::uint64_t bytes() const override { return 0; }
  void check(const Schedule&) const override {}
  std::vector<std::shared_ptr<const Program>> prepare(const Step&, const Schedule&) override {
    return {};
  }
  ProbeLimits probe_limits() const override {
    return {.n_streams = 2, .max_rows = 512, .max_sampled = 64, .peaks = true};
  }
  void begin_probes() override { ++n_begun; }
  void end_probes() override { ++n_ended; }
  StepResult result(std::uint64_t number) override { return {number, {}}; }
  int n_begun = 0, n_ended = 0;

 private:
  Graph graph_ = build_graph(smollm2_135m());
};

/// Everything takes a microsecond a launch. The machine does 456 FLOPs and reads 31 bytes in a
/// nanosecond.
struct FakeExecutor {
  explicit FakeExecutor(World& world, bool works = true) {
    actor =
        world.system.spawn([this, works](ExecutorActor::pointer) -> ExecutorActor::behavior_type {
          return {
              [](const StepPtr&) { return StepOutcomePtr(); },
              [](recover_atom) {},
              [](streams_atom, const std::vector<StreamActor>&) {},
              [](ping_atom) { return pong_atom_v; },
              [this](idle_atom) {
                if (model_begun) BOOST_TEST(*model_begun == *model_ended, "memory while it waits");
                ++n_waits;
                return pong_atom_v;
              },
              [this, works](const ProbePtr& probe) -> caf::result<TimelinesPtr> {
                ++n_probes;
                if (busy_every > 0 && n_probes % busy_every == 0) return TimelinesPtr();
                if (!works)
                  return caf::make_error(ActorError::device_failed, std::string("no power"));
                std::vector<ProgramTimeline> timelines;
                for (const auto& load : *probe)
                  timelines.push_back({.start_ns = 100,
                                       .end_ns = 100 + 1000L * load.n_launches,
                                       .flops = 456e3 * load.n_launches,
                                       .bytes = 31e3 * load.n_launches});
                return std::make_shared<const std::vector<ProgramTimeline>>(timelines);
              },
              [this](const ProfilePtr& profile) { profiles.push_back(profile); },
              [](const SearchOutcomePtr&) {},
              [](plan_atom, bool) { return JsonPtr(); },
          };
        });
  }
  ExecutorActor actor;
  int n_probes = 0, n_waits = 0;
  int busy_every = 0;  // so many-th probes find a step in flight; 0: none
  const int *model_begun = nullptr, *model_ended = nullptr;
  std::vector<ProfilePtr> profiles;
};

struct Fixture {
  Fixture() {
    char name[] = "/tmp/nanoflow-planner-XXXXXX";
    folder = mkdtemp(name);
  }
  ~Fixture() { std::filesystem::remove_all(folder); }
  void plan(const FakeExecutor& executor, const std::string& key = "this machine",
            bool overlap = true) {
    spawn_planner(world.system, {.model = "test",
                                 .executor = executor.actor,
                                 .device_model = model,
                                 .file = folder / "cache/profile.json",
                                 .key = key,
                                 .overlap = overlap,
                                 .threads = Threads::shared});
    world.run();
    for (; world.has_timer(); world.run()) world.advance(std::chrono::seconds(1));
    BOOST_TEST(model->n_begun == model->n_ended);
    world.end(executor.actor);
  }
  World world{1};
  std::shared_ptr<ProbedModel> model = std::make_shared<ProbedModel>();
  std::filesystem::path folder;
};

const auto near = boost::test_tools::tolerance(1e-6);

}  // namespace

BOOST_FIXTURE_TEST_SUITE(planner, Fixture)

BOOST_AUTO_TEST_CASE(what_was_measured_once_is_not_measured_again) {
  FakeExecutor first(world);
  plan(first);
  BOOST_TEST(first.n_probes > 50);
  BOOST_REQUIRE_EQUAL(first.profiles.size(), 1u);
  BOOST_TEST(first.profiles[0]->launch_ms(OperationKind::qkv, 1, 64) == 0.001, near);

  FakeExecutor second(world);
  plan(second);
  BOOST_TEST(second.n_probes == 0);
  BOOST_TEST(model->n_begun == 1);  // memory is taken only to measure
  BOOST_REQUIRE_EQUAL(second.profiles.size(), 1u);
  BOOST_TEST(second.profiles[0]->launch_ms(OperationKind::lm_head, 0.5F, 16) == 0.001, near);
  BOOST_TEST(second.profiles[0]->pairs().size() == first.profiles[0]->pairs().size());
  for (const auto& profile : {first.profiles[0], second.profiles[0]}) {
    BOOST_TEST(profile->peaks().flops_per_s == 456e9, near);
    BOOST_TEST(profile->peaks().read_bytes_per_s == 31e9, near);
  }
}

BOOST_AUTO_TEST_CASE(while_requests_run_it_has_no_memory_for_probes) {
  FakeExecutor undisturbed(world), executor(world);
  plan(undisturbed);
  executor.busy_every = 7;
  executor.model_begun = &model->n_begun;
  executor.model_ended = &model->n_ended;
  plan(executor, "another machine");
  BOOST_TEST(executor.n_waits == executor.n_probes / 7);
  BOOST_TEST(executor.n_probes - executor.n_waits == undisturbed.n_probes);
  BOOST_TEST(executor.profiles.size() == 1u);
}

BOOST_AUTO_TEST_CASE(where_nothing_is_to_overlap_the_peaks_are_enough) {
  FakeExecutor executor(world);
  plan(executor, "this machine", false);
  BOOST_TEST(executor.n_probes == 10);
  BOOST_REQUIRE_EQUAL(executor.profiles.size(), 1u);
  BOOST_TEST(executor.profiles[0]->empty());
  BOOST_TEST(executor.profiles[0]->peaks().flops_per_s == 456e9, near);
  // It is kept like any other.
  BOOST_TEST(read_profile(folder / "cache/profile.json", "this machine")->peaks().known());
}

BOOST_AUTO_TEST_CASE(another_machines_profile_and_a_broken_one_are_measured_again) {
  FakeExecutor first(world);
  plan(first);
  FakeExecutor elsewhere(world);
  plan(elsewhere, "another machine");
  BOOST_TEST(elsewhere.n_probes == first.n_probes);
  const std::string head = R"({"version": 3, "key": "this machine", )",
                    peaks = R"("peaks": {"flops_per_s": 1, "read_bytes_per_s": 1}, "pairs": [], )";
  const auto is_understood = [&](const std::string& text) {
    std::ofstream(folder / "cache/profile.json") << text;
    return read_profile(folder / "cache/profile.json", "this machine").has_value();
  };
  BOOST_TEST(is_understood(head + peaks + R"("times": []})"));
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), head + R"("times": []})",
        head + R"("pairs": [], "times": []})",
        head + peaks + R"("times": [{"operation": "qkv", "share": 1, "size": 1, "ms": -1}]})",
        head + peaks + R"("times": [{"operation": "cooking", "share": 1, "size": 1, "ms": 1}]})"})
    BOOST_TEST(!is_understood(text), text);
}

BOOST_AUTO_TEST_CASE(where_it_cannot_be_written_the_profile_is_used_all_the_same) {
  std::ofstream(folder / "cache") << "a file, not a folder";
  FakeExecutor executor(world);
  plan(executor);
  BOOST_TEST(executor.profiles.size() == 1u);
  BOOST_TEST(!write_profile(folder / "cache/profile.json", "key", *executor.profiles[0]).empty());
}

BOOST_AUTO_TEST_CASE(a_device_that_fails_is_not_asked_again) {
  FakeExecutor executor(world, false);
  plan(executor);
  BOOST_TEST(executor.n_probes == 1);
  BOOST_TEST(executor.profiles.empty());
}

BOOST_AUTO_TEST_SUITE_END()
