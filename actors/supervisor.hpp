#pragma once
#include <functional>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"

namespace nanoflow {

struct SupervisorConfig {
  GatewayActor gateway;
  CatalogActor catalog;
  MonitorActor monitor;
  // Each is called by the supervisor, on whatever thread it runs.
  std::function<void(const std::vector<std::string>& errors)> models_done;  // after a reload
  std::function<void()> alive;             // a ping came back from everywhere
  std::function<void(bool failed)> ended;  // nothing runs any more
};

/// Everybody's life. Streams are started anew by the catalog; where one of the actors here ends by
/// itself (the device is lost, or an invariant broke), every client is told, all others end too,
/// and the process should be started anew.
SupervisorActor spawn_supervisor(caf::actor_system& system, SupervisorConfig config);

}  // namespace nanoflow
