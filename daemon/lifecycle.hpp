// From ready to the end: models, signals, systemd.
#pragma once
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/supervisor.hpp"
#include "daemon/config.hpp"
#include "daemon/signals.hpp"

namespace nanoflow {

class Lifecycle {
 public:
  Lifecycle(Flags flags, Config config, Signals& signals);

  /// What the supervisor reports to.
  SupervisorConfig supervisor_config(GatewayActor gateway, CatalogActor catalog,
                                     MonitorActor monitor);
  /// Loads the configured models, then obeys signals until everything ended. False where it ended
  /// by a failure, or a model could not be loaded at the start.
  bool run(const SupervisorActor& supervisor, const GatewayActor& gateway);

 private:
  void on_signal(int signal);
  void reload();
  void on_models_done(const std::vector<std::string>& errors);
  void drain(std::int64_t deadline_ms);

  const Flags flags_;
  Config config_;
  Signals& signals_;
  SupervisorActor supervisor_;
  GatewayActor gateway_;
  bool ready_ = false, draining_ = false, failed_ = false;

  std::mutex mutex_;  // of what the supervisor's threads leave here
  std::optional<std::vector<std::string>> models_done_;
  std::optional<bool> ended_;  // true: by a failure
};

}  // namespace nanoflow
