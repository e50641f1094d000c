// nanoflowd: the actors in the order of a request's life, then signals until the end.
#include <cstdlib>
#include <iostream>

#include "actors/catalog.hpp"
#include "actors/gateway.hpp"
#include "actors/monitor.hpp"
#include "actors/supervisor.hpp"
#include "daemon/actor_configs.hpp"
#include "daemon/config.hpp"
#include "daemon/descriptors.hpp"
#include "daemon/lifecycle.hpp"
#include "daemon/log_sink.hpp"
#include "daemon/signals.hpp"
#include "daemon/socket_thread.hpp"

namespace nanoflow {
namespace {

constexpr int exit_failed = 1, exit_misconfigured = 2;

int serve(const Flags& flags) {
  const Config config = make_config(flags);
  log_to_stderr(config.log_level);
  log(LogLevel::info, "nanoflowd " NANOFLOW_VERSION);
  allow_all_descriptors();
  Signals signals;  // before any thread, so that all block them
  SocketThread socket(socket_options(config));
  const std::shared_ptr<Device> device = make_device(device_options(config));
  log(LogLevel::info, "device " + device->name() + ": " + device->description() +
                          (config.device == "auto" && device->name() == "cpu"
                               ? " (auto: there is no GPU that this build can use)"
                               : ""));

  ActorSystemConfig system_config;
  caf::actor_system system(system_config);
  const MonitorActor monitor = spawn_monitor(system, monitor_config(*device));
  const CatalogActor catalog = spawn_catalog(system, catalog_config(config, device, monitor));
  const GatewayActor gateway =
      spawn_gateway(system, gateway_config(config, socket), catalog, monitor);
  caf::anon_send(catalog, subscribe_atom::value, ModelListenerActor(monitor));

  Lifecycle lifecycle(flags, config, signals);
  const SupervisorActor supervisor =
      spawn_supervisor(system, lifecycle.supervisor_config(gateway, catalog, monitor));
  socket.start({
      [gateway](ClientMessagePtr message) { caf::anon_send(gateway, std::move(message)); },
      [gateway](ClientGone gone) { caf::anon_send(gateway, gone); },
      [gateway](ClientStalled stalled) { caf::anon_send(gateway, stalled); },
  });
  log(LogLevel::info, "listening on " + socket.endpoint());
  const int status = lifecycle.run(supervisor, gateway) ? EXIT_SUCCESS : exit_failed;
  log(LogLevel::info, "ended");
  return status;
}

}  // namespace
}  // namespace nanoflow

int main(int argc, char** argv) {
  using namespace nanoflow;
  try {
    const Flags flags = parse_flags({argv + 1, argv + argc});
    if (flags.help) return std::cout << usage(), EXIT_SUCCESS;
    if (flags.version) return std::cout << "nanoflowd " NANOFLOW_VERSION "\n", EXIT_SUCCESS;
    return serve(flags);
  } catch (const ConfigError& error) {
    log(LogLevel::error, error.what());
    return exit_misconfigured;
  } catch (const std::exception& error) {
    log(LogLevel::error, error.what());
    return exit_failed;
  }
}
