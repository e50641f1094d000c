#pragma once
#include <functional>
#include <string>

#include "actors/admissions.hpp"
#include "actors/interfaces.hpp"

namespace nanoflow {

struct GatewayConfig {
  std::string server;       // name and version, for hello
  std::string admin_group;  // named where load or unload are refused
  AdmissionLimits limits;
  /// Sends to a client, or drops it where the client is gone. Called by the gateway only.
  std::function<void(ClientId client, wire::Bytes message)> to_client;
};

/// The only one who knows the wire: lets requests in, pins each to one tokenizer, and sees to it
/// that each ends exactly once.
GatewayActor spawn_gateway(caf::actor_system& system, GatewayConfig config, CatalogActor catalog,
                           MonitorActor monitor);

}  // namespace nanoflow
