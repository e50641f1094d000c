// An executor whose model notes what is asked of it, and whose streams do what the test says.
#pragma once
#include <boost/test/unit_test.hpp>
#include <deque>

#include "actors/errors.hpp"
#include "actors/executor.hpp"
#include "engine/plan/candidates.hpp"
#include "tests/actors/world.hpp"
#include "tests/engine/device/config_only.hpp"

namespace nanoflow::test {

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

struct ScriptedExecutor {
  explicit ScriptedExecutor(int n_streams, int n_cpus = 1)
      : model(std::make_shared<ScriptedModel>(n_streams)) {
    const std::vector<std::string> names{"compute", "memory"};
    for (int i = 0; i < n_streams; ++i) streams.emplace_back(world);
    actor = spawn_executor(world.system,
                           {.model = "test",
                            .device_model = model,
                            .streams = handles(streams),
                            .stream_names = names,
                            .candidates = candidate_schedules(model->graph(), names, n_cpus),
                            .monitor = {},
                            .n_cpus = n_cpus,
                            .threads = Threads::shared});
  }
  ~ScriptedExecutor() {
    world.end(actor);
    for (auto& stream : streams) world.end(stream.actor);
  }
  static std::vector<StreamActor> handles(const std::vector<ScriptedStream>& of) {
    std::vector<StreamActor> result;
    for (const auto& stream : of) result.push_back(stream.actor);
    return result;
  }
  void run_step(std::uint64_t number, int n_rows = 1) {
    auto step = std::make_shared<const Step>(
        Step{number,
             {StepSequence{
                 .n_rows = n_rows, .tokens = {1}, .pages = {0}, .sampling = {}, .start = {}}}});
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

}  // namespace nanoflow::test
