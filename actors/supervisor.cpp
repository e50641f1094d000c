#include "actors/supervisor.hpp"

#include <algorithm>
#include <map>

#include "actors/errors.hpp"
#include "actors/loaded_model.hpp"
#include "actors/log.hpp"

namespace nanoflow {
namespace {

struct SupervisorState {
  static constexpr const char* name = "supervisor";

  SupervisorConfig config;
  std::map<std::string, std::string> wanted;  // as it was configured -> the loaded model's name
  std::vector<std::string> errors;            // of the reload that runs
  std::size_t pending = 0;                    // loads and unloads of it
  int alive = 3;                              // of gateway, catalog and monitor
  bool ending = false, failed = false;
};

using Self = SupervisorActor::stateful_pointer<SupervisorState>;

// ---- Models ------------------------------------------------------------------------------------

void one_done(Self self, const std::string& error) {
  SupervisorState& state = self->state;
  if (!error.empty()) state.errors.push_back(error);
  if (--state.pending > 0) return;
  state.config.models_done(std::exchange(state.errors, {}));
}

LoadProgressActor::behavior_type no_progress(LoadProgressActor::pointer) {
  return {[](progress_atom, std::uint64_t, std::uint64_t) {}};
}

void unload(Self self, const std::string& name) {
  self->request(self->state.config.catalog, caf::infinite, unload_atom::value, name)
      .then(
          [self](const std::string& error) { one_done(self, error); },
          [self, name](const caf::error& error) { one_done(self, name + ": " + explain(error)); });
}

void load(Self self, const std::string& model) {
  auto job = std::make_shared<LoadJob>();
  (model.starts_with('/') ? job->load.path : job->load.name) = model;
  self->request(self->state.config.catalog, caf::infinite, LoadJobPtr(std::move(job)),
                LoadProgressActor(self->spawn(no_progress)))
      .then(
          [self, model](const LoadOutcomePtr& outcome) {
            const auto wanted = self->state.wanted.find(model);
            if (wanted == self->state.wanted.end()) {  // taken out of the list meanwhile
              if (outcome->model) return unload(self, outcome->model->name);
            } else if (outcome->model) {
              wanted->second = outcome->model->name;
            } else {
              self->state.wanted.erase(wanted);
            }
            one_done(self, outcome->error ? outcome->error->message : std::string());
          },
          [self, model](const caf::error& error) {
            one_done(self, model + ": " + explain(error));
          });
}

void reload(Self self, const std::vector<std::string>& models) {
  SupervisorState& state = self->state;
  const auto lists = [&](const std::string& model) {
    return std::find(models.begin(), models.end(), model) != models.end();
  };
  ++state.pending;  // this function, so that nothing is done before all has begun
  for (const std::string& model : models)
    if (state.wanted.emplace(model, "").second) {
      ++state.pending;
      load(self, model);
    }
  for (auto entry = state.wanted.begin(); entry != state.wanted.end();) {
    const auto [model, name] = *entry;
    entry = lists(model) ? std::next(entry) : state.wanted.erase(entry);
    if (lists(model) || name.empty()) continue;
    ++state.pending;
    unload(self, name);
  }
  one_done(self, "");
}

// ---- The end -----------------------------------------------------------------------------------

void end_everything(Self self) {
  const SupervisorConfig& config = self->state.config;
  // Requests have ended: the gateway first, so that nobody asks the others any more.
  self->send_exit(config.gateway, caf::exit_reason::user_shutdown);
  self->send_exit(config.catalog, caf::exit_reason::user_shutdown);
  self->send_exit(config.monitor, caf::exit_reason::user_shutdown);
}

void drain(Self self, std::int64_t deadline_ms) {
  self->state.ending = true;
  self->request(self->state.config.gateway, caf::infinite, drain_atom::value, deadline_ms)
      .then([self](pong_atom) { end_everything(self); },
            [self](const caf::error&) { end_everything(self); });
}

void on_down(Self self, const caf::down_msg& down) {
  SupervisorState& state = self->state;
  const bool expected = state.ending;
  if (!expected) {
    const char* who = down.source == state.config.gateway.address()   ? "gateway"
                      : down.source == state.config.catalog.address() ? "catalog"
                                                                      : "monitor";
    log(LogLevel::error, std::string("the ") + who + " ended: " + explain(down.reason) +
                             "; the daemon stops, to be started anew");
    state.failed = true;
    drain(self, 0);  // tells every client
  } else if (down.source == state.config.gateway.address()) {
    end_everything(self);  // it may have owed the answer to a drain
  }
  if (--state.alive > 0) return;
  state.config.ended(state.failed);
  self->quit();
}

/// From here to every actor that others wait for, and back.
void ping(Self self) {
  const auto ignore = [](const caf::error&) {};  // then there is no beat
  self->request(self->state.config.gateway, caf::infinite, ping_atom::value)
      .then(
          [self, ignore](pong_atom) {
            self->request(self->state.config.monitor, caf::infinite, status_atom::value)
                .then(
                    [self, ignore](const StatusReportPtr&) {
                      self->request(self->state.config.catalog, caf::infinite, list_atom::value)
                          .then([self](const AvailablePtr&) { self->state.config.alive(); },
                                ignore);
                    },
                    ignore);
          },
          ignore);
}

SupervisorActor::behavior_type supervisor(Self self, SupervisorConfig config) {
  end_on_exceptions(self);
  self->state.config = std::move(config);
  self->monitor(self->state.config.gateway);
  self->monitor(self->state.config.catalog);
  self->monitor(self->state.config.monitor);
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  return {
      [self](reload_atom, const std::vector<std::string>& models) { reload(self, models); },
      [self](drain_atom, std::int64_t deadline_ms) { drain(self, deadline_ms); },
      [self](ping_atom) { ping(self); },
  };
}

}  // namespace

SupervisorActor spawn_supervisor(caf::actor_system& system, SupervisorConfig config) {
  return system.spawn(supervisor, std::move(config));
}

}  // namespace nanoflow
