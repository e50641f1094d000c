#include "actors/catalog.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "actors/catalog_state.hpp"
#include "actors/errors.hpp"
#include "actors/log.hpp"
#include "actors/model_folder.hpp"
#include "client/suggest.hpp"

namespace nanoflow {

caf::error user_shutdown() {
  return caf::make_error(caf::exit_reason::user_shutdown);
}

void CatalogState::start(CatalogSelf owner, CatalogConfig with) {
  self = owner;
  config = std::move(with);
  const auto free = config.available_memory();
  budget.emplace(
      config.kv_memory.empty() ? free / 4 : MemoryAmount::parse(config.kv_memory)->of(free),
      config.n_configured);
  spill_budget.emplace(config.spill_bytes, config.n_configured);
  start_streams();
}

void CatalogState::start_streams() {
  streams.clear();
  for (std::size_t i = 0; i < config.device->streams().size(); ++i) {
    streams.push_back(spawn_stream(self->system(), config.device, i, config.threads));
    self->monitor(streams.back());
  }
}

bool CatalogState::streams_alive() const {
  return std::all_of(streams.begin(), streams.end(), [](const auto& s) { return bool(s); });
}

/// One that fails takes the others with it: a leader must never wait for a follower that has gone.
/// When the last one has ended there are new ones.
void CatalogState::note_stream_down(std::size_t index, const caf::error& reason) {
  const bool first = streams_alive();
  streams[index] = nullptr;
  if (reason != user_shutdown()) log(LogLevel::error, explain(reason));
  if (closing) return end_when_all_left();
  if (first && !stream_failures.may_restart(self->clock().now())) {
    const std::string lost = "the device is lost: it failed " + std::to_string(most_failures) +
                             " times in " + std::to_string(failures_within.count()) + " s";
    log(LogLevel::error, lost);
    return close(caf::make_error(ActorError::device_lost, lost));
  }
  for (const auto& stream : streams)
    if (first && stream) self->send_exit(stream, user_shutdown());
  if (std::any_of(streams.begin(), streams.end(), [](const auto& s) { return bool(s); })) return;
  start_streams();
  for (const auto& entry : loaded) self->send(entry.model->executor, streams_atom_v, streams);
}

void CatalogState::note_down(const caf::down_msg& down) {
  for (std::size_t i = 0; i < streams.size(); ++i)
    if (streams[i] && streams[i].address() == down.source) return note_stream_down(i, down.reason);
  for (std::size_t i = 0; i < loaded.size(); ++i)
    for (const auto& actor :
         {loaded[i].model->scheduler.address(), loaded[i].model->kv_manager.address(),
          loaded[i].model->executor.address()})
      if (actor == down.source) return note_model_down(i, down);
  std::erase_if(listeners, [&](const auto& listener) { return listener.address() == down.source; });
  note_left(down.source);
}

ModelTablePtr CatalogState::table() const {
  auto table = std::make_shared<ModelTable>();
  for (const auto& entry : loaded) table->push_back(entry.model);
  return table;
}

void CatalogState::publish() {
  for (const auto& listener : listeners) self->send(listener, table());
}

namespace {

PrivateCatalog::behavior_type catalog(CatalogSelf self, const CatalogConfig& config) {
  end_on_exceptions(self);
  auto& state = self->state;
  state.start(self, config);
  self->set_down_handler([&state](const caf::down_msg& down) { state.note_down(down); });
  self->set_exit_handler([&state](const caf::exit_msg& exit) { state.close(exit.reason); });
  return {
      [&state](const LoadJobPtr& job, const LoadProgressActor& progress) {
        return state.load(job, progress);
      },
      [&state](unload_atom, const std::string& name) { return state.unload(name); },
      [&state](list_atom) -> AvailablePtr {
        return std::make_shared<const std::vector<AvailableModel>>(
            list_available(state.config.model_dir, *state.table()));
      },
      [&state](subscribe_atom, const ModelListenerActor& listener) {
        state.self->monitor(listener);
        state.listeners.push_back(listener);
        state.self->send(listener, state.table());
      },
      [&state](tick_atom) {
        state.ticking = false;
        state.finish_leaving();
      },
  };
}

}  // namespace

void validate(const CatalogConfig& config) {
  const auto require = [](bool holds, const std::string& what) {
    if (!holds) throw std::invalid_argument(what);
  };
  require(
      config.kv_memory.empty() || MemoryAmount::parse(config.kv_memory),
      "kv_memory: " + in_quotes(config.kv_memory) + " is neither a size (4GiB) nor a part (50%)");
  require(!config.context || *config.context >= 1, "context: must be at least 1");
  require(config.max_sequences >= 1,
          "max_sequences: must be at least 1, found " + std::to_string(config.max_sequences));
  require(config.max_waiting >= 1,
          "max_waiting: must be at least 1, found " + std::to_string(config.max_waiting));
  require(config.max_step_tokens > config.max_sequences,
          "max_step_tokens: must be more than max_sequences (" +
              std::to_string(config.max_sequences) + "), found " +
              std::to_string(config.max_step_tokens));
}

CatalogActor spawn_catalog(caf::actor_system& system, CatalogConfig config) {
  validate(config);
  return system.spawn(catalog, std::move(config));
}

}  // namespace nanoflow
