#include "daemon/actor_configs.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "actors/tokenizer.hpp"
#include "daemon/run_next.hpp"

namespace nanoflow {
namespace {

/// Text that is tokenised on one core while another request's waits behind it.
constexpr std::size_t tokenizers_per_model = 2;
/// Nobody reads faster: tokens that come faster than this share events.
constexpr auto event_pause = std::chrono::milliseconds(1);

std::vector<TokenizerActor> spawn_tokenizers(caf::actor_system& system,
                                             const std::shared_ptr<const LoadedModel>& model) {
  std::vector<TokenizerActor> pool;
  for (std::size_t i = 0; i < tokenizers_per_model; ++i)
    pool.push_back(spawn_tokenizer(system, model));
  return pool;
}

}  // namespace

ActorSystemConfig::ActorSystemConfig() {
  add_message_types<caf::id_block::nanoflow>();
  load<RunNextScheduler>();
  set("scheduler.max-threads", std::max(4, available_threads()));
  set("scheduler.max-throughput", 1);  // messages a turn
  set("logger.console", caf::atom("none"));
}

SocketThread::Options socket_options(const Config& config) {
  const char* key = std::getenv("NANOFLOWD_SECRET_KEY");
  return {{config.endpoint, config.group, runs_as_service(), key ? key : ""}, config.admin_group};
}

DeviceOptions device_options(const Config& config) {
  return {.kind = config.device, .threads = config.threads};
}

MonitorConfig monitor_config(Device& device) {
  int threads = 0;
  for (const auto& stream : device.streams()) threads = std::max(threads, stream->n_workers());
  return {"nanoflowd " NANOFLOW_VERSION, device.description(), threads};
}

CatalogConfig catalog_config(const Config& config, std::shared_ptr<Device> device,
                             MonitorActor monitor) {
  CatalogConfig catalog;
  catalog.device = std::move(device);
  catalog.model_dir = model_folder(config, runs_as_service());
  catalog.cache_dir = cache_folder(runs_as_service());
  catalog.spawn_tokenizers = spawn_tokenizers;
  catalog.monitor = std::move(monitor);
  if (config.context > 0) catalog.context = config.context;
  if (config.kv_memory != "auto") catalog.kv_memory = config.kv_memory;
  if (config.spill != "off" && config.spill != "0")
    catalog.spill_bytes = MemoryAmount::parse(config.spill).value().of(0);  // checked before
  catalog.spill_dir = catalog.cache_dir;
  catalog.n_configured = std::max(1, int(config.models.size()));
  catalog.weights = parse_weight_format(config.weights).value();  // checked with the others
  catalog.kv = parse_kv_format(config.kv).value();
  catalog.prefix_cache = config.prefix_cache;
  catalog.overlap = config.overlap;
  catalog.speculation = config.speculation == "auto";
  catalog.max_sequences = config.max_sequences;
  catalog.max_step_tokens = config.max_step_tokens;
  // The gateway refuses; a burst on an idle model waits for a moment, before any of it runs.
  catalog.max_waiting = config.max_waiting + config.max_sequences;
  catalog.event_pause = event_pause;
  return catalog;
}

AdmissionLimits admission_limits(const Config& config) {
  return {config.max_sequences, config.max_waiting};
}

GatewayConfig gateway_config(const Config& config, SocketThread& socket) {
  return {
      "nanoflowd " NANOFLOW_VERSION, config.admin_group, admission_limits(config),
      [&socket](ClientId client, wire::Bytes message) { socket.send(client, std::move(message)); }};
}

}  // namespace nanoflow
