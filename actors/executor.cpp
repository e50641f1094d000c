#include "actors/executor.hpp"

#include <algorithm>
#include <deque>
#include <stdexcept>
#include <utility>

#include "actors/errors.hpp"
#include "actors/schedule_table.hpp"

namespace nanoflow {
namespace {

using Programs = std::vector<std::shared_ptr<const Program>>;
using OutcomePromise = caf::typed_response_promise<StepOutcomePtr>;
using PongPromise = caf::typed_response_promise<pong_atom>;

struct StepInFlight {
  StepPtr step;
  OutcomePromise promise;
  Programs programs;  // empty: not prepared yet
  bool sent = false;
  int generation = 0;                                  // of the streams that it was sent to
  std::size_t running = 0;                             // programs that have not ended
  std::vector<std::pair<int, TimelinePtr>> timelines;  // by stream
  std::string failure;                                 // empty: none

  bool finished() const { return sent && running == 0; }
};

struct ExecutorState;
using ExecutorSelf = ExecutorActor::stateful_pointer<ExecutorState>;

struct ExecutorState {
  static inline const char* name = "executor";

  ExecutorSelf self = nullptr;
  ExecutorConfig config;
  std::unique_ptr<ScheduleTable> schedules;
  std::deque<StepInFlight> steps;  // at most two, in order
  int streams_generation = 0;      // which set of streams these are
  bool broken = false;             // one of them failed: wait for the next set
  std::string lost;                // a failure that the scheduler may not know of yet
  std::vector<PongPromise> waiting_pings;

  OutcomePromise add(const StepPtr& step);
  void advance();
  void send(StepInFlight& step);
  void end_program(std::uint64_t step, int stream, const TimelinePtr& timeline);
  void fail_program(std::uint64_t step, const caf::error& error);
  void settle();
  void answer(StepInFlight& step);
  void answer_lost_steps();
  void report(const StepInFlight& step);
  void use_streams(std::vector<StreamActor> streams);
  void note_failure(int generation);
  void ping(const PongPromise& promise);
  StepInFlight& find(std::uint64_t step);
};

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

/// Prepares what can be prepared, and sends what may run. While a step is out that was sent to
/// streams since replaced, the next one waits: most likely the news of its failure is on the way.
void ExecutorState::advance() {
  for (auto& step : steps) {
    if (broken || (step.sent && step.generation != streams_generation)) return;
    if (step.sent) continue;
    if (step.programs.empty()) step.programs = config.device_model->prepare(*step.step);
    if (&step == &steps.front() || config.streams.size() == 1) send(step);
  }
}

void ExecutorState::send(StepInFlight& step) {
  step.sent = true;
  step.generation = streams_generation;
  step.running = step.programs.size();
  const auto number = step.step->number;
  for (const auto& program : step.programs) {
    // It lives in the model's buffers: whoever holds the program holds the model.
    auto owner = std::make_shared<std::pair<std::shared_ptr<DeviceModel>, ProgramPtr>>(
        config.device_model, program);
    const auto& stream = config.streams.at(static_cast<std::size_t>(program->stream));
    self->request(stream, caf::infinite, ProgramPtr(std::move(owner), program.get()))
        .then([this, number, index = program->stream](
                  const TimelinePtr& timeline) { end_program(number, index, timeline); },
              [this, number](const caf::error& error) { fail_program(number, error); });
  }
}

StepInFlight& ExecutorState::find(std::uint64_t number) {
  return *std::find_if(steps.begin(), steps.end(),
                       [&](const auto& step) { return step.step->number == number; });
}

void ExecutorState::end_program(std::uint64_t number, int stream, const TimelinePtr& timeline) {
  auto& step = find(number);
  step.timelines.emplace_back(stream, timeline);
  --step.running;
  settle();
}

void ExecutorState::fail_program(std::uint64_t number, const caf::error& error) {
  auto& step = find(number);
  if (step.failure.empty()) step.failure = explain(error);
  --step.running;
  note_failure(step.generation);
  settle();
}

/// The failure of a stream that has been replaced already says nothing about the new one.
void ExecutorState::note_failure(int generation) {
  if (generation == streams_generation) broken = true;
}

/// Answers what is finished, in order, and goes on.
void ExecutorState::settle() {
  while (!steps.empty() && steps.front().finished()) {
    if (!steps.front().failure.empty()) return answer_lost_steps();
    answer(steps.front());
    steps.pop_front();
  }
  advance();
}

void ExecutorState::answer(StepInFlight& step) {
  const auto number = step.step->number;
  step.promise.deliver(StepOutcomePtr(
      std::make_shared<const StepOutcome>(StepOutcome{config.device_model->result(number), {}})));
  report(step);
}

/// A failed device has lost its pages: the other step in flight is of no use either. Nothing is
/// answered while a program of theirs still runs, since the answer frees what it writes to.
void ExecutorState::answer_lost_steps() {
  if (std::any_of(steps.begin(), steps.end(), [](const auto& step) { return step.running > 0; }))
    return;
  if (lost.empty()) lost = steps.front().failure;
  for (auto& step : std::exchange(steps, {})) {
    StepOutcome outcome;
    outcome.result.number = step.step->number;
    outcome.failure = lost;
    step.promise.deliver(StepOutcomePtr(std::make_shared<const StepOutcome>(std::move(outcome))));
  }
}

void ExecutorState::report(const StepInFlight& step) {
  if (step.timelines.empty()) return;
  auto start_ns = step.timelines.front().second->start_ns;
  auto end_ns = step.timelines.front().second->end_ns;
  for (const auto& [stream, timeline] : step.timelines) {
    start_ns = std::min(start_ns, timeline->start_ns);
    end_ns = std::max(end_ns, timeline->end_ns);
    if (config.monitor)
      self->send(
          config.monitor,
          StreamTimelinePtr(std::make_shared<const StreamTimeline>(StreamTimeline{
              config.stream_names.at(static_cast<std::size_t>(stream)), config.model, *timeline})));
  }
  schedules->observe(batch_signature(*step.step), static_cast<double>(end_ns - start_ns) * 1e-6);
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

ExecutorActor::behavior_type executor(ExecutorSelf self, const ExecutorConfig& config) {
  end_on_exceptions(self);
  auto& state = self->state;
  state.self = self;
  state.config = config;
  state.schedules =
      std::make_unique<ScheduleTable>(config.device_model->graph(), config.stream_names);
  return {
      [&state](const StepPtr& step) { return state.add(step); },
      [&state](recover_atom) { state.lost.clear(); },
      [&state](streams_atom, const std::vector<StreamActor>& streams) {
        state.use_streams(streams);
      },
      [&state](ping_atom) {
        auto promise = state.self->make_response_promise<pong_atom>();
        state.ping(promise);
        return promise;
      },
      [&state](plan_atom, bool explained) -> JsonPtr {
        return std::make_shared<const wire::Json>(state.schedules->to_json(explained));
      },
  };
}

}  // namespace

ExecutorActor spawn_executor(caf::actor_system& system, ExecutorConfig config) {
  return system.spawn(executor, std::move(config));
}

}  // namespace nanoflow
