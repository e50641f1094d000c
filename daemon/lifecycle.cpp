#include "daemon/lifecycle.hpp"

#include <signal.h>

#include <utility>

#include "daemon/log_sink.hpp"
#include "daemon/notify.hpp"

namespace nanoflow {

Lifecycle::Lifecycle(Flags flags, Config config, Signals& signals)
    : flags_(std::move(flags)), config_(std::move(config)), signals_(signals) {}

SupervisorConfig Lifecycle::supervisor_config(GatewayActor gateway, CatalogActor catalog,
                                              MonitorActor monitor) {
  return {std::move(gateway),
          std::move(catalog),
          std::move(monitor),
          [this](const std::vector<std::string>& errors) {
            const std::lock_guard lock(mutex_);
            models_done_ = errors;
            signals_.wake();
          },
          [] { systemd::alive(); },
          [this](bool failed) {
            const std::lock_guard lock(mutex_);
            ended_ = failed;
            signals_.wake();
          }};
}

bool Lifecycle::run(const SupervisorActor& supervisor, const GatewayActor& gateway) {
  supervisor_ = supervisor;
  gateway_ = gateway;
  caf::anon_send(supervisor_, reload_atom::value, config_.models);
  auto beat = systemd::watchdog_period();
  if (beat) *beat /= 3;
  while (true) {
    on_signal(signals_.wait(beat));
    if (beat) caf::anon_send(supervisor_, ping_atom::value);
    std::unique_lock lock(mutex_);
    if (ended_) break;
    if (auto errors = std::exchange(models_done_, {})) {
      lock.unlock();
      on_models_done(*errors);
    }
  }
  supervisor_ = SupervisorActor();
  gateway_ = GatewayActor();
  return !failed_ && !*ended_;
}

void Lifecycle::on_signal(int signal) {
  if (signal == SIGHUP) return reload();
  if (signal != SIGTERM && signal != SIGINT) return;
  // A second one does not wait for running answers.
  const std::int64_t deadline_ms = draining_ ? 0 : std::int64_t(config_.drain_seconds) * 1000;
  log(LogLevel::info, draining_ ? "ending now"
                                : "draining: running answers have " +
                                      std::to_string(config_.drain_seconds) + " s to end");
  drain(deadline_ms);
}

void Lifecycle::drain(std::int64_t deadline_ms) {
  draining_ = true;
  systemd::stopping();
  caf::anon_send(supervisor_, drain_atom::value, deadline_ms);
}

/// A file with a mistake changes nothing.
void Lifecycle::reload() {
  if (draining_) return;
  systemd::reloading();
  log(LogLevel::info, "reloading the configuration");
  try {
    config_ = make_config(flags_);
  } catch (const ConfigError& error) {
    log(LogLevel::error, std::string("the configuration stays as it was: ") + error.what());
    return systemd::ready("the last reload was refused: " + std::string(error.what()));
  }
  log_to_stderr(config_.log_level);
  caf::anon_send(gateway_, reload_atom::value, config_.max_sequences, config_.max_waiting);
  caf::anon_send(supervisor_, reload_atom::value, config_.models);
}

void Lifecycle::on_models_done(const std::vector<std::string>& errors) {
  for (const std::string& error : errors) log(LogLevel::error, error);
  if (!ready_ && !errors.empty()) {
    // Nobody is served yet: better to say at once that the daemon does not start.
    failed_ = true;
    return drain(0);
  }
  if (draining_) return;
  if (!ready_) log(LogLevel::info, "ready");
  ready_ = true;
  systemd::ready("serving");
}

}  // namespace nanoflow
