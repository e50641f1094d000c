// From the daemon's configuration to each part's own.
#pragma once
#include <memory>

#include "actors/catalog.hpp"
#include "actors/gateway.hpp"
#include "actors/monitor.hpp"
#include "daemon/config.hpp"
#include "daemon/socket_thread.hpp"

namespace nanoflow {

/// CAF's, with the messages of actors/interfaces.hpp and threads that sleep when nothing is to do.
class ActorSystemConfig : public caf::actor_system_config {
 public:
  ActorSystemConfig();
};

SocketThread::Options socket_options(const Config& config);
DeviceOptions device_options(const Config& config);
MonitorConfig monitor_config(Device& device);
CatalogConfig catalog_config(const Config& config, std::shared_ptr<Device> device,
                             MonitorActor monitor);
/// `socket` must outlive the gateway.
GatewayConfig gateway_config(const Config& config, SocketThread& socket);
AdmissionLimits admission_limits(const Config& config);

}  // namespace nanoflow
