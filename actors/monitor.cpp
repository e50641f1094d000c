#include "actors/monitor.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <list>

#include "actors/activity.hpp"
#include "actors/describe.hpp"
#include "actors/errors.hpp"
#include "actors/loaded_model.hpp"
#include "actors/log.hpp"
#include "actors/report.hpp"
#include "actors/trace_events.hpp"

namespace nanoflow {
namespace {

using MonitorSelf = MonitorActor::extend<
    // A trace's time is over.
    reacts_to<trace_atom, std::uint64_t>>;

struct Recording {
  std::uint64_t number = 0;
  caf::typed_response_promise<JsonPtr> promise;
  StreamTimelines timelines;
};

struct MonitorState {
  static constexpr const char* name = "monitor";
  static constexpr std::size_t max_recordings = 16;

  MonitorConfig config;
  Clock::time_point start = Clock::now();
  ModelTable models;
  StreamActivity streams;
  TokenRate tokens;
  bool sampling = false;  // for the rate: models were asked, and have not answered
  RequestMetrics requests;
  std::list<Recording> recordings;
  std::uint64_t next_recording = 1;
};

using Self = MonitorSelf::stateful_pointer<MonitorState>;

/// Asks every model's scheduler and KV manager; one that does not answer is left out.
void gather(Self self, std::function<void(const std::vector<ModelState>&)> done) {
  const auto models = std::make_shared<std::vector<ModelState>>();
  const auto left = std::make_shared<std::size_t>(2 * self->state.models.size());
  const auto answered = [=] {
    if (--*left > 0) return;
    std::uint64_t prompt_rows = 0, decode_rows = 0;
    for (const ModelState& model : *models) {
      prompt_rows += model.snapshot.prompt_rows;
      decode_rows += model.snapshot.decode_rows;
    }
    self->state.tokens.sample(Clock::now(), prompt_rows, decode_rows);
    done(*models);
  };
  if (self->state.models.empty()) return done(*models);
  for (const auto& model : self->state.models) models->push_back({model, {}, {}});
  constexpr auto patience = std::chrono::seconds(10);
  for (std::size_t i = 0; i < models->size(); ++i) {
    const LoadedModel& model = *(*models)[i].model;
    const auto failed = [answered](const caf::error&) { answered(); };
    self->request(model.scheduler, patience, snapshot_atom::value)
        .then(
            [=](const SnapshotPtr& snapshot) {
              (*models)[i].snapshot = *snapshot;
              answered();
            },
            failed);
    self->request(model.kv_manager, patience, usage_atom::value)
        .then(
            [=](const UsagePtr& usage) {
              (*models)[i].usage = *usage;
              answered();
            },
            failed);
  }
}

std::uint64_t resident_bytes() {
  std::uint64_t total_pages = 0, resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  return resident_pages * std::uint64_t(sysconf(_SC_PAGESIZE));
}

Report report(const MonitorState& state, const std::vector<ModelState>& models) {
  const auto now = Clock::now();
  const auto now_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  return {.server = state.config.server,
          .device = state.config.device,
          .threads = state.config.threads,
          .uptime_s = std::chrono::duration<double>(now - state.start).count(),
          .resident_bytes = resident_bytes(),
          .models = models,
          .streams = state.streams.rates(now_ns),
          .stream_totals = state.streams.totals(),
          .tokens = state.tokens.rate(now)};
}

void on_timelines(Self self, const StreamTimelines& timelines) {
  MonitorState& state = self->state;
  for (const StreamTimeline& timeline : timelines) {
    state.streams.add(timeline);
    for (Recording& recording : state.recordings)
      if (recording.timelines.size() < max_traced_programs) recording.timelines.push_back(timeline);
  }
  // Only a busy daemon is sampled, so that an idle one sleeps; and one question at a time, since an
  // answer takes as long as a step where thousands of requests live.
  if (state.sampling || !state.tokens.is_due(Clock::now())) return;
  state.sampling = true;
  gather(self, [self](const auto&) { self->state.sampling = false; });
}

caf::result<JsonPtr> start_trace(Self self, double seconds) {
  MonitorState& state = self->state;
  if (state.recordings.size() >= MonitorState::max_recordings)
    return caf::make_error(ActorError::internal, std::string("too many traces are recorded"));
  const std::uint64_t number = state.next_recording++;
  state.recordings.push_back({number, self->make_response_promise<JsonPtr>(), {}});
  self->delayed_send(MonitorSelf(self), std::chrono::milliseconds(std::int64_t(seconds * 1000)),
                     trace_atom::value, number);
  return state.recordings.back().promise;
}

void finish_trace(MonitorState& state, std::uint64_t number) {
  const auto found =
      std::find_if(state.recordings.begin(), state.recordings.end(),
                   [&](const Recording& recording) { return recording.number == number; });
  if (found == state.recordings.end()) return;
  found->promise.deliver(std::make_shared<const wire::Json>(trace_events(found->timelines)));
  state.recordings.erase(found);
}

MonitorSelf::behavior_type monitor(Self self, MonitorConfig config) {
  end_on_exceptions(self);
  self->state.config = std::move(config);
  return {
      [self](const RequestRecordPtr& record) {
        self->state.requests.add(*record);
        log(LogLevel::info, describe(*record));
      },
      [self](const StreamTimelinesPtr& timelines) { on_timelines(self, *timelines); },
      [self](const ModelTablePtr& models) { self->state.models = *models; },
      [self](status_atom) {
        auto promise = self->make_response_promise<StatusReportPtr>();
        gather(self, [self, promise](const std::vector<ModelState>& models) mutable {
          promise.deliver(std::make_shared<const StatusReport>(
              StatusReport{status_fields(report(self->state, models))}));
        });
        return promise;
      },
      [self](metrics_atom) {
        auto promise = self->make_response_promise<std::string>();
        gather(self, [self, promise](const std::vector<ModelState>& models) mutable {
          MetricsText text;
          self->state.requests.write(text);
          write_metrics(text, report(self->state, models));
          promise.deliver(text.text());
        });
        return promise;
      },
      [self](trace_atom, double seconds) { return start_trace(self, seconds); },
      [self](trace_atom, std::uint64_t number) { finish_trace(self->state, number); },
  };
}

}  // namespace

MonitorActor spawn_monitor(caf::actor_system& system, MonitorConfig config) {
  return system.spawn(monitor, std::move(config));
}

}  // namespace nanoflow
