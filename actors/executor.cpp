#include <algorithm>
#include <stdexcept>
#include <utility>

#include "actors/describe_plan.hpp"
#include "actors/errors.hpp"
#include "actors/executor_state.hpp"

namespace nanoflow {

OutcomePromise ExecutorState::add(const StepPtr& step) {
  if (steps.size() == 2) throw std::logic_error("executor: a third step, while two are in flight");
  auto& added = steps.emplace_back();
  added.step = step;
  added.promise = self->make_response_promise<StepOutcomePtr>();
  auto promise = added.promise;
  if (lost.empty())
    advance();
  else
    answer_lost_steps();
  return promise;
}

/// Prepares what can be prepared, and sends what may run; with nothing to run, a probe that waits
/// for streams. While a step is out that was sent to streams since replaced, the next one waits:
/// most likely the news of its failure is on the way.
void ExecutorState::advance() {
  if (probing) return;  // a few milliseconds
  if (steps.empty()) {
    for (auto& promise : std::exchange(waiting_for_idle, {})) promise.deliver(pong_atom_v);
    return start_probe();
  }
  for (auto& step : steps) {
    if (broken || (step.sent && step.generation != streams_generation)) return;
    if (step.sent) continue;
    if (step.programs.empty()) {
      step.signature = batch_signature(*step.step);
      step.candidate = schedules->choose(step.signature);
      const auto& schedule = schedules->candidates()[static_cast<std::size_t>(step.candidate)];
      step.programs = config.device_model->prepare(*step.step, schedule);
    }
    send(step);
  }
}

/// The leader runs the next step when it has ended this one: its programs lie ready there.
void ExecutorState::send(RunningStep& step) {
  step.sent = true;
  step.generation = streams_generation;
  const auto number = step.step->number;
  self->request(config.streams.front(), caf::infinite, for_streams(step.programs))
      .then([this, number](const TimelinesPtr& timelines) { end(number, timelines); },
            [this, number](const caf::error& error) { fail(number, error); });
}

StepProgramsPtr ExecutorState::for_streams(const Programs& programs) const {
  return std::make_shared<const StepPrograms>(
      StepPrograms{programs, {config.streams.begin() + 1, config.streams.end()}});
}

RunningStep& ExecutorState::find(std::uint64_t number) {
  return *std::find_if(steps.begin(), steps.end(),
                       [&](const auto& step) { return step.step->number == number; });
}

void ExecutorState::end(std::uint64_t number, const TimelinesPtr& timelines) {
  auto& step = find(number);
  step.timelines = timelines;
  step.ended = true;
  settle();
}

void ExecutorState::fail(std::uint64_t number, const caf::error& error) {
  auto& step = find(number);
  step.failure = explain(error);
  step.ended = true;
  note_failure(step.generation);
  settle();
}

/// The failure of a stream that has been replaced already says nothing about the new one.
void ExecutorState::note_failure(int generation) {
  if (generation == streams_generation) broken = true;
}

/// Answers what is finished, in order, and goes on.
void ExecutorState::settle() {
  while (!steps.empty() && steps.front().ended) {
    if (!steps.front().failure.empty()) return answer_lost_steps();
    answer(steps.front());
    steps.pop_front();
  }
  report();
  advance();
}

void ExecutorState::answer(RunningStep& step) {
  StepOutcome outcome{config.device_model->result(step.step->number), {}};
  outcome.result.ms = step.ms();
  step.promise.deliver(StepOutcomePtr(std::make_shared<const StepOutcome>(std::move(outcome))));
  record(step);
}

/// A failed device has lost its pages: the other step in flight is of no use either. Nothing is
/// answered while a program of theirs still runs, since the answer frees what it writes to.
void ExecutorState::answer_lost_steps() {
  if (std::any_of(steps.begin(), steps.end(), [](const auto& step) { return step.running(); }))
    return;
  if (lost.empty()) lost = steps.front().failure;
  for (auto& step : std::exchange(steps, {})) {
    StepOutcome outcome;
    outcome.result.number = step.step->number;
    outcome.failure = lost;
    step.promise.deliver(StepOutcomePtr(std::make_shared<const StepOutcome>(std::move(outcome))));
  }
}

void ExecutorState::use_streams(std::vector<StreamActor> streams) {
  config.streams = std::move(streams);
  ++streams_generation;
  broken = false;
  advance();
  for (const auto& promise : std::exchange(waiting_pings, {})) ping(promise);
}

/// A round trip through all streams; a failed one's successor answers in its place.
void ExecutorState::ping(const PongPromise& promise) {
  if (broken) {
    waiting_pings.push_back(promise);
    return;
  }
  struct Join {
    PongPromise promise;
    std::size_t waiting;
  };
  auto join = std::make_shared<Join>(Join{promise, config.streams.size()});
  for (const auto& stream : config.streams)
    self->request(stream, caf::infinite, ping_atom_v)
        .then(
            [join](pong_atom) {
              if (--join->waiting == 0) join->promise.deliver(pong_atom_v);
            },
            [this, join, generation = streams_generation](const caf::error&) {
              note_failure(generation);
              if (join->promise.pending()) ping(std::exchange(join->promise, {}));
            });
}

namespace {

ExecutorActor::behavior_type executor(ExecutorSelf self, const ExecutorConfig& config) {
  end_on_exceptions(self);
  auto& state = self->state;
  state.self = self;
  state.config = config;
  for (const auto& schedule : config.candidates) config.device_model->check(schedule);
  const auto& model = *config.device_model;
  state.schedules.emplace(model.graph(), config.candidates);
  state.records.emplace(StepRecords::Model{model.graph(), model.weights(), model.weight_bytes(),
                                           config.kv_bytes, config.stream_names});
  state.broken = config.streams.empty();
  return {
      [&state](const StepPtr& step) { return state.add(step); },
      [&state](recover_atom) { state.lost.clear(); },
      [&state](streams_atom, const std::vector<StreamActor>& streams) {
        state.use_streams(streams);
      },
      [&state](const ProbePtr& probe) { return state.add_probe(probe); },
      [&state](idle_atom) {
        auto promise = state.self->make_response_promise<pong_atom>();
        state.waiting_for_idle.push_back(promise);
        state.advance();
        return promise;
      },
      [&state](const ProfilePtr& profile) {
        state.schedules->use(*profile);
        state.records->use(profile->peaks());
      },
      [&state](const SearchOutcomePtr& outcome) { state.use(*outcome); },
      [&state](ping_atom) {
        auto promise = state.self->make_response_promise<pong_atom>();
        state.ping(promise);
        return promise;
      },
      [&state](plan_atom, bool explained) -> JsonPtr {
        auto plan = describe_plan(state.config.device_model->graph(), *state.schedules, explained);
        state.records->describe(plan, *state.schedules, explained);
        return std::make_shared<const wire::Json>(std::move(plan));
      },
  };
}

}  // namespace

ExecutorActor spawn_executor(caf::actor_system& system, ExecutorConfig config) {
  return system.spawn(executor, std::move(config));
}

}  // namespace nanoflow
