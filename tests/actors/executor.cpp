#include "actors/executor.hpp"

#include <deque>

#include <boost/test/unit_test.hpp>

#include "actors/errors.hpp"
#include "tests/actors/world.hpp"
#include "tests/engine/device/config_only.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

BOOST_AUTO_TEST_SUITE(executor)

namespace {

/// Notes what is asked of it; computes nothing.
struct ScriptedModel : DeviceModel {
  explicit ScriptedModel(int n_streams) : n_streams(n_streams) {}
  const Graph& graph() const override { return graph_; }
  std::string weights() const override { return "f32"; }
  double weight_bytes() const override { return 4; }
  std::uint64_t bytes() const override { return 0; }
  void check(const Schedule&) const override {}
  std::vector<std::shared_ptr<const Program>> prepare(const Step& step, const Schedule&) override {
    prepared.push_back(step.number);
    std::vector<std::shared_ptr<const Program>> programs;
    for (int i = 0; i < n_streams; ++i) {
      auto program = std::make_shared<Program>();
      program->step = step.number;
      program->stream = i;
      programs.push_back(program);
    }
    return programs;
  }
  std::vector<std::shared_ptr<const Program>> prepare_probe(const Probe& probe) override {
    auto program = std::make_shared<Program>();
    program->step = probe_number;
    return {probe.size(), program};
  }
  StepResult result(std::uint64_t number) override { return {number, {}}; }
  static constexpr std::uint64_t probe_number = 999;

  int n_streams;
  std::vector<std::uint64_t> prepared;

 private:
  Graph graph_ = build_graph(ConfigOnly(97).config());
};

/// A stream whose programs end when the test says so.
struct ScriptedStream {
  using Actor = StreamActor::extend<
      // Ends the first of its programs; true: well.
      reacts_to<tick_atom, bool>>;
  struct Running {
    StepProgramsPtr step;
    caf::typed_response_promise<TimelinesPtr> promise;
  };
  std::shared_ptr<std::deque<Running>> programs = std::make_shared<std::deque<Running>>();
  Actor actor;

  explicit ScriptedStream(World& world) {
    actor = world.system.spawn([programs = programs](Actor::pointer self) -> Actor::behavior_type {
      return {
          [=](const StepProgramsPtr& step) {
            auto promise = self->make_response_promise<TimelinesPtr>();
            programs->push_back({step, promise});
            return promise;
          },
          [](const ProgramPtr&) {},
          [](ping_atom) { return pong_atom_v; },
          [=](tick_atom, bool well) { end_first(*programs, well); },
      };
    });
  }
  static void end_first(std::deque<Running>& programs, bool well) {
    auto [step, promise] = programs.front();
    programs.pop_front();
    if (well)
      promise.deliver(TimelinesPtr(std::make_shared<const std::vector<ProgramTimeline>>(
          step->programs.size(), ProgramTimeline{.step = step->programs.front()->step})));
    else
      promise.deliver(caf::make_error(ActorError::device_failed, std::string("it broke")));
  }
  void finish() const { caf::anon_send(actor, tick_atom_v, true); }
  void fail() const { caf::anon_send(actor, tick_atom_v, false); }
};

struct Fixture {
  explicit Fixture(int n_streams) : model(std::make_shared<ScriptedModel>(n_streams)) {
    for (int i = 0; i < n_streams; ++i) streams.emplace_back(world);
    actor = spawn_executor(world.system, {.model = "test",
                                          .device_model = model,
                                          .streams = handles(streams),
                                          .stream_names = {"compute", "memory"},
                                          .candidates = {sequential_schedule(model->graph())},
                                          .monitor = {}});
  }
  ~Fixture() {
    world.end(actor);
    for (auto& stream : streams) world.end(stream.actor);
  }
  static std::vector<StreamActor> handles(const std::vector<ScriptedStream>& of) {
    std::vector<StreamActor> result;
    for (const auto& stream : of) result.push_back(stream.actor);
    return result;
  }
  void run_step(std::uint64_t number) {
    auto step = std::make_shared<const Step>(Step{
        number,
        {StepSequence{.n_rows = 1, .tokens = {1}, .pages = {0}, .sampling = {}, .start = {}}}});
    world.system.spawn([this, step](caf::event_based_actor* self) {
      self->request(actor, caf::infinite, StepPtr(step))
          .then([this](const StepOutcomePtr& outcome) { answers.push_back(*outcome); });
    });
    world.run();
  }
  std::vector<std::uint64_t> sent() {
    std::vector<std::uint64_t> steps;
    for (const auto& running : *streams.front().programs)
      steps.push_back(running.step->programs.front()->step);
    return steps;
  }

  World world{1};
  std::shared_ptr<ScriptedModel> model;
  std::vector<ScriptedStream> streams;
  ExecutorActor actor;
  std::vector<StepOutcome> answers;
};

using Numbers = std::vector<std::uint64_t>;

}  // namespace

BOOST_AUTO_TEST_CASE(the_next_step_is_ready_while_one_runs) {
  Fixture fixture(1);
  fixture.run_step(1);
  fixture.run_step(2);
  BOOST_TEST(fixture.model->prepared == (Numbers{1, 2}), boost::test_tools::per_element());
  BOOST_TEST(fixture.sent() == (Numbers{1, 2}), boost::test_tools::per_element());
  BOOST_TEST(fixture.answers.empty());
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_REQUIRE(fixture.answers.size() == 1u);
  BOOST_TEST(fixture.answers[0].result.number == 1u);
  BOOST_TEST(fixture.answers[0].failure.empty());
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_TEST(fixture.answers.size() == 2u);
}

BOOST_AUTO_TEST_CASE(the_leader_is_given_the_programs_of_all_streams_and_who_follows) {
  Fixture fixture(2);
  fixture.run_step(1);
  const auto& sent = *fixture.streams[0].programs->front().step;
  BOOST_REQUIRE_EQUAL(sent.programs.size(), 2u);
  BOOST_TEST(sent.programs[1]->stream == 1);
  BOOST_REQUIRE_EQUAL(sent.followers.size(), 1u);
  BOOST_TEST((sent.followers[0] == fixture.streams[1].actor));
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_TEST(fixture.answers.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_failure_loses_both_steps_once_nothing_of_them_runs) {
  Fixture fixture(1);
  fixture.run_step(1);
  fixture.run_step(2);
  fixture.streams[0].fail();
  fixture.world.run();
  BOOST_TEST(fixture.answers.empty());  // the other one is still there
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_REQUIRE(fixture.answers.size() == 2u);
  BOOST_TEST(fixture.answers[0].result.number + fixture.answers[1].result.number == 3u);
  for (const auto& answer : fixture.answers) BOOST_TEST(answer.failure == "it broke");
}

BOOST_AUTO_TEST_CASE(after_a_failure_steps_and_pings_wait_for_new_streams) {
  Fixture fixture(1);
  fixture.run_step(1);
  fixture.streams[0].fail();
  fixture.world.run();
  caf::anon_send(fixture.actor, recover_atom_v);
  fixture.run_step(2);
  BOOST_TEST(fixture.answers.size() == 1u);
  BOOST_TEST(fixture.model->prepared == (Numbers{1}), boost::test_tools::per_element());
  bool pong = false;
  fixture.world.system.spawn([&](caf::event_based_actor* self) {
    self->request(fixture.actor, caf::infinite, ping_atom_v).then([&](pong_atom) { pong = true; });
  });
  fixture.world.run();
  BOOST_TEST(!pong);

  std::vector<ScriptedStream> fresh;
  fresh.emplace_back(fixture.world);
  caf::anon_send(fixture.actor, streams_atom_v, Fixture::handles(fresh));
  fixture.world.run();
  BOOST_TEST(pong);
  BOOST_TEST(fresh[0].programs->size() == 1u);
  fresh[0].finish();
  fixture.world.run();
  BOOST_TEST(fixture.answers.size() == 2u);
  fixture.world.end(fresh[0].actor);
}

BOOST_AUTO_TEST_CASE(a_step_that_was_formed_before_the_failure_was_known_fails_as_well) {
  Fixture fixture(1);
  fixture.run_step(1);
  fixture.streams[0].fail();
  fixture.world.run();
  fixture.run_step(2);
  BOOST_REQUIRE(fixture.answers.size() == 2u);
  BOOST_TEST(fixture.answers[1].failure == "it broke");
  BOOST_TEST(fixture.model->prepared == (Numbers{1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_late_failure_of_a_replaced_stream_does_not_stop_the_new_one) {
  Fixture fixture(1);
  fixture.run_step(1);
  std::vector<ScriptedStream> fresh;
  fresh.emplace_back(fixture.world);
  caf::anon_send(fixture.actor, streams_atom_v, Fixture::handles(fresh));
  fixture.world.run();
  fixture.streams[0].fail();
  fixture.world.run();
  caf::anon_send(fixture.actor, recover_atom_v);
  fixture.run_step(2);
  BOOST_TEST(fixture.answers.size() == 1u);
  BOOST_TEST(fresh[0].programs->size() == 1u);
  fixture.world.end(fresh[0].actor);
}

BOOST_AUTO_TEST_CASE(a_probe_is_refused_while_a_step_is_in_flight_and_steps_wait_for_it) {
  Fixture fixture(1);
  fixture.run_step(1);
  std::vector<TimelinesPtr> measured;
  bool idle = false;
  const auto probe = [&] {
    fixture.world.system.spawn([&](caf::event_based_actor* self) {
      self->request(fixture.actor, caf::infinite, ProbePtr(std::make_shared<const Probe>(1)))
          .then([&](const TimelinesPtr& timelines) { measured.push_back(timelines); });
    });
    fixture.world.run();
  };
  probe();
  BOOST_REQUIRE_EQUAL(measured.size(), 1u);
  BOOST_TEST(!measured[0]);
  fixture.world.system.spawn([&](caf::event_based_actor* self) {
    self->request(fixture.actor, caf::infinite, idle_atom_v).then([&](pong_atom) { idle = true; });
  });
  fixture.world.run();
  BOOST_TEST(!idle);
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_TEST(idle);
  probe();
  BOOST_TEST(fixture.sent() == (Numbers{ScriptedModel::probe_number}),
             boost::test_tools::per_element());
  fixture.run_step(3);
  BOOST_TEST(fixture.sent().size() == 1u);
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_REQUIRE_EQUAL(measured.size(), 2u);
  BOOST_TEST(static_cast<bool>(measured[1]));
  BOOST_TEST(fixture.sent() == (Numbers{3}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_probe_waits_for_streams) {
  Fixture fixture(1);
  caf::anon_send(fixture.actor, streams_atom_v, Fixture::handles(fixture.streams));
  fixture.run_step(1);
  fixture.streams[0].fail();
  fixture.world.run();
  fixture.world.system.spawn([&](caf::event_based_actor* self) {
    self->request(fixture.actor, caf::infinite, ProbePtr(std::make_shared<const Probe>(1)))
        .then([](const TimelinesPtr&) {});
  });
  fixture.world.run();
  BOOST_TEST(fixture.sent().empty());
  std::vector<ScriptedStream> fresh;
  fresh.emplace_back(fixture.world);
  caf::anon_send(fixture.actor, streams_atom_v, Fixture::handles(fresh));
  fixture.world.run();
  BOOST_TEST(fresh[0].programs->size() == 1u);
  fixture.world.end(fresh[0].actor);
}

BOOST_AUTO_TEST_CASE(a_probe_that_fails_is_answered_and_steps_go_on_with_new_streams) {
  Fixture fixture(1);
  bool failed = false;
  fixture.world.system.spawn([&](caf::event_based_actor* self) {
    self->request(fixture.actor, caf::infinite, ProbePtr(std::make_shared<const Probe>(1)))
        .then([](const TimelinesPtr&) { BOOST_ERROR("it ran"); },
              [&](const caf::error&) { failed = true; });
  });
  fixture.world.run();
  fixture.streams[0].fail();
  fixture.world.run();
  BOOST_TEST(failed);
  fixture.run_step(1);
  BOOST_TEST(fixture.sent().empty());
  std::vector<ScriptedStream> fresh;
  fresh.emplace_back(fixture.world);
  caf::anon_send(fixture.actor, streams_atom_v, Fixture::handles(fresh));
  fixture.world.run();
  BOOST_TEST(fresh[0].programs->size() == 1u);
  fixture.world.end(fresh[0].actor);
}

BOOST_AUTO_TEST_CASE(the_plan_says_what_ran_and_how_long_it_took) {
  Fixture fixture(1);
  fixture.run_step(1);
  fixture.streams[0].finish();
  fixture.world.run();
  const auto plan = **ask<JsonPtr>(fixture.world, fixture.actor, plan_atom_v, true);
  BOOST_REQUIRE_EQUAL(plan.at("batches").size(), 1u);
  BOOST_TEST(plan.at("batches")[0].at("steps").get<int>() == 1);
  BOOST_TEST(plan.at("batches")[0].at("chosen").get<std::string>() == "sequential");
  BOOST_TEST(plan.at("tried")[0].at("steps").get<int>() == 1);
  BOOST_TEST(plan.at("orders").back().at("block").get<std::string>() == "epilogue");
  BOOST_TEST(plan.at("orders").back().at("launches").get<std::string>() ==
             "gather, lm_head, sample");
  BOOST_TEST(plan.at("ran").at("steps").get<int>() == 1);
  BOOST_TEST(!plan.contains("peaks"));  // nobody has measured them
}

BOOST_AUTO_TEST_CASE(the_plan_says_what_the_machine_can_do_at_most_once_that_is_measured) {
  Fixture fixture(1);
  Profile profile;
  profile.add_peaks({456e9, 31e9});
  caf::anon_send(fixture.actor, ProfilePtr(std::make_shared<const Profile>(profile)));
  fixture.world.run();
  const auto plan = **ask<JsonPtr>(fixture.world, fixture.actor, plan_atom_v, false);
  BOOST_TEST(plan.at("peaks").at("flops_per_s").get<double>() == 456e9);
  BOOST_TEST(plan.at("peaks").at("read_bytes_per_s").get<double>() == 31e9);
  BOOST_TEST(plan.at("peaks").at("weights").get<std::string>() == "f32");
  BOOST_TEST(!plan.contains("timelines"));  // only where it is explained
}

BOOST_AUTO_TEST_SUITE_END()
