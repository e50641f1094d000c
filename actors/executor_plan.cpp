#include "actors/executor_state.hpp"
#include "actors/searcher.hpp"

namespace nanoflow {
namespace {

constexpr auto report_pause = std::chrono::milliseconds(20);

}  // namespace

ProbePromise ExecutorState::add_probe(const ProbePtr& probe) {
  auto promise = self->make_response_promise<TimelinesPtr>();
  if (!steps.empty()) {
    promise.deliver(TimelinesPtr());
    return promise;
  }
  waiting_probe = {probe, promise};
  advance();
  return promise;
}

void ExecutorState::start_probe() {
  if (!waiting_probe || broken) return;
  const auto [probe, promise] = *std::exchange(waiting_probe, std::nullopt);
  probing = true;
  self->request(config.streams.front(), caf::infinite,
                for_streams(config.device_model->prepare_probe(*probe)))
      .then(
          [this, promise = promise](const TimelinesPtr& timelines) mutable {
            promise.deliver(timelines);
            end_probe();
          },
          [this, promise = promise,
           generation = streams_generation](const caf::error& error) mutable {
            note_failure(generation);
            promise.deliver(error);
            end_probe();
          });
}

void ExecutorState::end_probe() {
  probing = false;
  advance();
}

void ExecutorState::record(const RunningStep& step) {
  for (std::size_t i = 0; config.monitor && i < step.timelines->size(); ++i)
    timelines.push_back({config.stream_names.at(i), config.model, (*step.timelines)[i]});
  double work = 0;
  for (const auto& timeline : *step.timelines)
    work += timeline.flops + flops_a_byte * timeline.bytes;
  schedules->observe(step.signature, step.candidate, step.ms(), std::max(work, 1.0));
  if (records->add(step.programs.front()->shape, step.signature, step.candidate))
    records->keep(step.signature, step.candidate, step.ms(),
                  config.device_model->launches(step.step->number));
  search(step.signature);
}

void ExecutorState::search(const BatchSignature& signature) {
  if (config.n_cpus < 2 || !schedules->wants_search(signature)) return;
  spawn_searcher(self->system(),
                 {.space = {.graph = config.device_model->graph(),
                            .streams = config.stream_names,
                            .n_cpus = config.n_cpus},
                  .signature = signature,
                  .profile = schedules->profile(),
                  .executor = ExecutorActor(self)},
                 config.threads);
}

void ExecutorState::use(const SearchOutcome& outcome) {
  for (const auto& found : outcome.result.best) {
    config.device_model->check(found.schedule);
    schedules->add(outcome.signature, found.schedule, found.predicted_ms);
  }
}

/// Nobody looks more often; what ends a busy time is told at once.
void ExecutorState::report() {
  const auto now = self->clock().now();
  if (timelines.empty() || (!steps.empty() && now < next_report)) return;
  next_report = now + report_pause;
  self->send(
      config.monitor,
      StreamTimelinesPtr(std::make_shared<const StreamTimelines>(std::exchange(timelines, {}))));
}

}  // namespace nanoflow
