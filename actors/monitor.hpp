#pragma once
#include <string>

#include "actors/interfaces.hpp"

namespace nanoflow {

struct MonitorConfig {
  std::string server;  // name and version
  std::string device;  // its description
  int threads = 0;     // that compute
};

/// Counts what happens: status, metrics and traces come from here, and the log's lines on requests
/// and models.
MonitorActor spawn_monitor(caf::actor_system& system, MonitorConfig config);

}  // namespace nanoflow
