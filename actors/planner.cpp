#include "actors/planner.hpp"

#include <chrono>
#include <utility>

#include "actors/errors.hpp"
#include "actors/log.hpp"
#include "actors/profile_file.hpp"

namespace nanoflow {
namespace {

struct PlannerState {
  static inline const char* name = "planner";

  PlannerConfig config;
  std::optional<Profiler> profiler;
  int n_probes = 0;
};

using Self = caf::stateful_actor<PlannerState>*;

void end(Self self) {
  self->state.config.device_model->end_probes();
  self->quit();
}

void tell(Self self, const Profile& profile) {
  self->send(self->state.config.executor, ProfilePtr(std::make_shared<const Profile>(profile)));
}

void finish(Self self) {
  const PlannerConfig& config = self->state.config;
  const Profile& profile = self->state.profiler->profile();
  tell(self, profile);
  std::string kept;
  if (!config.file.empty()) {
    const auto error = write_profile(config.file, config.key, profile);
    kept = error.empty() ? ", kept in " + config.file.string() : "; it is not kept: " + error;
  }
  log(LogLevel::info, "measured the machine and the operations of '" + config.model + "' in " +
                          std::to_string(self->state.n_probes) + " probes" + kept);
  end(self);
}

void probe_next(Self self);

/// Requests came between two probes. While they run, the memory that probes need is theirs; and
/// between two steps, where nothing runs for a moment, it need not be taken again and again.
void pause(Self self) {
  self->state.config.device_model->end_probes();
  self->delayed_send(self, std::chrono::seconds(1), tick_atom_v);
}

void go_on_when_idle(Self self) {
  self->request(self->state.config.executor, caf::infinite, idle_atom_v)
      .then(
          [self](pong_atom) {
            self->state.config.device_model->begin_probes();
            probe_next(self);
          },
          [self](const caf::error&) { self->quit(); });
}

void probe_next(Self self) {
  const auto probe = self->state.profiler->next();
  if (!probe) return finish(self);
  self->request(self->state.config.executor, caf::infinite,
                ProbePtr(std::make_shared<const Probe>(*probe)))
      .then(
          [self](const TimelinesPtr& timelines) {
            if (!timelines) return pause(self);
            ++self->state.n_probes;
            self->state.profiler->add(*timelines);
            probe_next(self);
          },
          // The model goes, or the device failed: schedules are chosen by trial alone.
          [self](const caf::error&) { end(self); });
}

caf::behavior planner(Self self, const PlannerConfig& config) {
  end_on_exceptions(self);
  self->state.config = config;
  if (const auto known = read_profile(config.file, config.key)) {
    tell(self, *known);
    return {};
  }
  // It must not keep the model's memory until the next tick.
  self->monitor(config.executor);
  self->set_down_handler([self](const caf::down_msg&) { end(self); });
  config.device_model->begin_probes();
  auto limits = config.device_model->probe_limits();
  if (!config.overlap) limits.n_streams = 1;
  self->state.profiler.emplace(config.device_model->graph(), config.n_cpus, limits);
  probe_next(self);
  return {[self](tick_atom) { go_on_when_idle(self); }};
}

}  // namespace

void spawn_planner(caf::actor_system& system, PlannerConfig config) {
  if (config.threads == Threads::own)
    system.spawn<caf::detached>(planner, std::move(config));
  else
    system.spawn(planner, std::move(config));
}

}  // namespace nanoflow
