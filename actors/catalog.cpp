#include "actors/catalog.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "actors/errors.hpp"
#include "actors/log.hpp"
#include "actors/model_folder.hpp"
#include "actors/restart_limit.hpp"
#include "actors/spawn_model.hpp"
#include "client/suggest.hpp"

namespace nanoflow {
namespace {

using LoadPromise = caf::typed_response_promise<LoadOutcomePtr>;
using UnloadPromise = caf::typed_response_promise<std::string>;
using LoadedModelPtr = std::shared_ptr<const LoadedModel>;

constexpr std::size_t most_failures = 3;
constexpr std::chrono::seconds failures_within{10};

struct Load {
  LoadJobPtr job;
  LoadProgressActor progress;
  LoadPromise promise;  // nobody waits for a model that is loaded again
};
struct Loaded {
  LoadedModelPtr model;
  LoadJobPtr job;  // that loaded it
};
/// Its actors were told to end; what is to happen when all have.
struct Leaving {
  LoadedModelPtr model;
  std::set<caf::actor_addr> alive;
  UnloadPromise promise;
  LoadJobPtr load_again;  // null: no
};

struct CatalogState;
using CatalogSelf = CatalogActor::stateful_pointer<CatalogState>;

struct CatalogState {
  static inline const char* name = "catalog";

  CatalogSelf self = nullptr;
  CatalogConfig config;
  std::optional<KvBudget> budget;
  std::vector<StreamActor> streams;  // in the device's order
  RestartLimit stream_failures{most_failures, failures_within};
  std::map<std::string, RestartLimit> model_failures;
  std::deque<Load> loads;  // the first is being done where a loader is at work
  bool loading = false;
  std::vector<Loaded> loaded;
  std::vector<Leaving> leaving;
  std::vector<ModelListenerActor> listeners;
  std::optional<caf::error> closing;  // why

  void start(CatalogSelf owner, CatalogConfig with);
  void start_stream(std::size_t index);

  LoadPromise load(const LoadJobPtr& job, const LoadProgressActor& progress);
  void load_next();
  bool answer_at_once(Load& load);
  std::variant<LoadPlan, wire::Error> plan(const Load& load, const std::filesystem::path& path);
  void finish_load(const LoadPlan& plan, const LoadedParts& parts);
  const Loaded* find(const std::string& name) const;
  std::string unused_name(const std::filesystem::path& path) const;

  UnloadPromise unload(const std::string& name);
  Leaving& dismiss(std::size_t index, const caf::error& reason);
  ModelTablePtr table() const;
  void publish();
  AvailablePtr available() const;

  void note_down(const caf::down_msg& down);
  void note_stream_down(std::size_t index, const caf::error& reason);
  void note_model_down(std::size_t index, const caf::down_msg& down);
  void note_left(const caf::actor_addr& actor);
  void close(const caf::error& reason);
  void end_when_all_left();
};

caf::error shutdown() {
  return caf::make_error(caf::exit_reason::user_shutdown);
}

wire::Error error(wire::ErrorCode code, std::string message) {
  return {code, std::move(message), {}, {}};
}

void answer(Load& load, LoadOutcome outcome) {
  if (outcome.error) log(LogLevel::warning, "load: " + outcome.error->message);
  if (load.promise.pending())
    load.promise.deliver(LoadOutcomePtr(std::make_shared<const LoadOutcome>(std::move(outcome))));
}

std::string summary(const LoadedModel& model) {
  const auto tokens = static_cast<std::int64_t>(model.n_pages) * page_size;
  return "loaded '" + model.name + "': " + model.architecture + ", " +
         std::to_string(model.n_parameters / 1'000'000) + "M parameters, " + model.dtype +
         " computed as " + (model.weights == WeightFormat::f32 ? "f32" : "bf16") + ", context " +
         std::to_string(model.context) + ", pages for " + std::to_string(tokens) + " tokens (" +
         format_bytes(static_cast<std::uint64_t>(model.n_pages) * model.page_bytes) + ")";
}

// ---- The device's streams ----------------------------------------------------------------------

void CatalogState::start(CatalogSelf owner, CatalogConfig with) {
  self = owner;
  config = std::move(with);
  const auto free = config.available_memory();
  budget.emplace(
      config.kv_memory.empty() ? free / 4 : MemoryAmount::parse(config.kv_memory)->of(free),
      config.n_configured);
  streams.resize(config.device->streams().size());
  for (std::size_t i = 0; i < streams.size(); ++i) start_stream(i);
}

void CatalogState::start_stream(std::size_t index) {
  streams[index] = spawn_stream(self->system(), config.device, index, config.threads);
  self->monitor(streams[index]);
}

void CatalogState::note_stream_down(std::size_t index, const caf::error& reason) {
  log(LogLevel::error, explain(reason));
  if (closing) return;
  if (!stream_failures.may_restart(self->clock().now())) {
    const std::string lost = "the device is lost: it failed " + std::to_string(most_failures) +
                             " times in " + std::to_string(failures_within.count()) + " s";
    log(LogLevel::error, lost);
    return close(caf::make_error(ActorError::device_lost, lost));
  }
  start_stream(index);
  for (const auto& entry : loaded) self->send(entry.model->executor, streams_atom_v, streams);
}

// ---- Loading -----------------------------------------------------------------------------------

LoadPromise CatalogState::load(const LoadJobPtr& job, const LoadProgressActor& progress) {
  auto promise = self->make_response_promise<LoadOutcomePtr>();
  loads.push_back({job, progress, promise});
  load_next();
  return promise;
}

void CatalogState::load_next() {
  while (!loading && !loads.empty())
    if (answer_at_once(loads.front())) loads.pop_front();
}

/// What needs no loader: errors, and what is loaded already. Otherwise a loader is at work.
bool CatalogState::answer_at_once(Load& load) {
  const auto refuse = [&](wire::Error why) {
    answer(load, {nullptr, std::move(why)});
    return true;
  };
  if (closing) return refuse(error(wire::ErrorCode::shutdown, "the daemon ends"));
  const auto& request = load.job->load;
  const Loaded* known = request.path.empty() ? find(request.name) : nullptr;
  std::filesystem::path path;
  if (!known) {
    auto found = find_model(request, config.model_dir);
    if (auto* why = std::get_if<wire::Error>(&found)) return refuse(std::move(*why));
    path = std::get<std::filesystem::path>(std::move(found));
    for (const auto& entry : loaded)
      if (entry.model->path == path) known = &entry;
  }
  if (known) {
    if (request.context || request.kv_memory || request.weights)
      return refuse(error(
          wire::ErrorCode::load_failed,
          "'" + known->model->name + "' is loaded already: unload it to change how it is loaded"));
    answer(load, {known->model, {}});
    return true;
  }
  auto planned = plan(load, path);
  if (auto* why = std::get_if<wire::Error>(&planned)) return refuse(std::move(*why));
  loading = true;
  auto ready = std::make_shared<const LoadPlan>(std::get<LoadPlan>(std::move(planned)));
  const auto loader = spawn_loader(self->system(), config.device, config.open, config.threads);
  self->request(loader, caf::infinite, LoadPlanPtr(ready), load.progress)
      .then([this, ready](const LoadedPartsPtr& parts) { finish_load(*ready, *parts); },
            [this, ready](const caf::error& failure) {
              LoadedParts none;
              none.error =
                  error(wire::ErrorCode::internal, "the loader ended: " + explain(failure));
              finish_load(*ready, none);
            });
  return false;
}

std::variant<LoadPlan, wire::Error> CatalogState::plan(const Load& load,
                                                       const std::filesystem::path& path) {
  const auto& request = load.job->load;
  LoadPlan plan{.name = unused_name(path),
                .path = path,
                .context = request.context ? request.context : config.context,
                .kv_memory = {},
                .weights = config.weights,
                .n_slots = config.max_sequences,
                .max_step_tokens = config.max_step_tokens,
                .budget = *budget,
                .free_bytes = config.available_memory()};
  if (request.kv_memory) {
    plan.kv_memory = MemoryAmount::parse(*request.kv_memory);
    if (!plan.kv_memory)
      return error(wire::ErrorCode::bad_field, "kv_memory: " + in_quotes(*request.kv_memory) +
                                                   " is neither a size (4GiB) nor a part (50%)");
  }
  if (request.weights && *request.weights != "f32" && *request.weights != "bf16")
    return error(wire::ErrorCode::bad_field,
                 "weights: " + in_quotes(*request.weights) + " is neither f32 nor bf16");
  if (request.weights)
    plan.weights = *request.weights == "f32" ? WeightFormat::f32 : WeightFormat::bf16;
  return plan;
}

std::string CatalogState::unused_name(const std::filesystem::path& path) const {
  const std::string stem = model_name(path);
  std::string name = stem;
  for (int i = 2; find(name); ++i) name = stem + "-" + std::to_string(i);
  return name;
}

const Loaded* CatalogState::find(const std::string& name) const {
  const auto found = std::find_if(loaded.begin(), loaded.end(),
                                  [&](const auto& entry) { return entry.model->name == name; });
  return found == loaded.end() ? nullptr : &*found;
}

void CatalogState::finish_load(const LoadPlan& plan, const LoadedParts& parts) {
  loading = false;
  auto load = std::move(loads.front());
  loads.pop_front();
  if (parts.error) {
    answer(load, {nullptr, parts.error});
  } else if (closing) {
    answer(load, {nullptr, error(wire::ErrorCode::shutdown, "the daemon ends")});
  } else {
    const auto model = spawn_model(self->system(), config, plan, parts, streams);
    budget->take(model->name, static_cast<std::uint64_t>(model->n_pages) * model->page_bytes);
    self->monitor(model->scheduler);
    self->monitor(model->kv_manager);
    self->monitor(model->executor);
    loaded.push_back({model, load.job});
    log(LogLevel::info, summary(*model));
    publish();
    answer(load, {model, {}});
  }
  load_next();
}

// ---- Unloading, and the end of what broke ------------------------------------------------------

UnloadPromise CatalogState::unload(const std::string& name) {
  auto promise = self->make_response_promise<std::string>();
  const Loaded* found = find(name);
  if (!found) {
    std::vector<std::string_view> names;
    for (const auto& entry : loaded) names.push_back(entry.model->name);
    promise.deliver("name: no model " + in_quotes(name) + " is loaded" + did_you_mean(name, names));
    return promise;
  }
  dismiss(static_cast<std::size_t>(found - loaded.data()), shutdown()).promise = promise;
  return promise;
}

/// Out of the table; its actors are told to end, the scheduler first, so that it still finds the
/// others when it ends its requests.
Leaving& CatalogState::dismiss(std::size_t index, const caf::error& reason) {
  const auto model = std::move(loaded[index].model);
  loaded.erase(loaded.begin() + static_cast<std::ptrdiff_t>(index));
  publish();
  auto& left = leaving.emplace_back();
  left.model = model;
  left.alive = {model->scheduler.address(), model->kv_manager.address(), model->executor.address()};
  self->send_exit(model->scheduler, reason);
  self->send_exit(model->kv_manager, reason);
  self->send_exit(model->executor, reason);
  return left;
}

void CatalogState::note_down(const caf::down_msg& down) {
  for (std::size_t i = 0; i < streams.size(); ++i)
    if (streams[i].address() == down.source) return note_stream_down(i, down.reason);
  for (std::size_t i = 0; i < loaded.size(); ++i)
    for (const auto& actor :
         {loaded[i].model->scheduler.address(), loaded[i].model->kv_manager.address(),
          loaded[i].model->executor.address()})
      if (actor == down.source) return note_model_down(i, down);
  std::erase_if(listeners, [&](const auto& listener) { return listener.address() == down.source; });
  note_left(down.source);
}

void CatalogState::note_model_down(std::size_t index, const caf::down_msg& down) {
  const auto model = loaded[index].model;
  const auto job = loaded[index].job;
  auto& failures =
      model_failures.try_emplace(model->name, most_failures, failures_within).first->second;
  const bool again = failures.may_restart(self->clock().now());
  log(LogLevel::error, "an actor of '" + model->name +
                           "' ended, and its requests with it: " + explain(down.reason) + "; " +
                           (again ? "loading it again" : "it stays unloaded"));
  auto& left = dismiss(index, caf::make_error(ActorError::internal, explain(down.reason)));
  if (again) left.load_again = job;
  note_left(down.source);
}

void CatalogState::note_left(const caf::actor_addr& actor) {
  const auto found = std::find_if(leaving.begin(), leaving.end(), [&](auto& left) {
    return left.alive.erase(actor) > 0 && left.alive.empty();
  });
  if (found == leaving.end()) return;
  auto left = std::move(*found);
  leaving.erase(found);
  budget->give_back(left.model->name);
  log(LogLevel::info, "unloaded '" + left.model->name + "'");
  if (left.promise.pending()) left.promise.deliver(std::string());
  if (left.load_again && !closing) loads.push_back({left.load_again, {}, {}});
  load_next();
  end_when_all_left();
}

void CatalogState::close(const caf::error& reason) {
  if (closing) return;
  closing = reason;
  while (!loaded.empty()) dismiss(loaded.size() - 1, reason);
  end_when_all_left();
}

void CatalogState::end_when_all_left() {
  if (!closing || !leaving.empty()) return;
  for (const auto& stream : streams) self->send_exit(stream, shutdown());
  self->quit(*closing);
}

// ---- What others see ---------------------------------------------------------------------------

ModelTablePtr CatalogState::table() const {
  auto table = std::make_shared<ModelTable>();
  for (const auto& entry : loaded) table->push_back(entry.model);
  return table;
}

void CatalogState::publish() {
  for (const auto& listener : listeners) self->send(listener, table());
}

AvailablePtr CatalogState::available() const {
  auto models = list_model_folder(config.model_dir);
  for (auto& model : models) {
    std::error_code failed;
    const auto path = std::filesystem::canonical(model.path, failed);
    model.loaded = std::any_of(loaded.begin(), loaded.end(),
                               [&](const auto& entry) { return entry.model->path == path; });
  }
  return std::make_shared<const std::vector<AvailableModel>>(std::move(models));
}

CatalogActor::behavior_type catalog(CatalogSelf self, const CatalogConfig& config) {
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
      [&state](list_atom) { return state.available(); },
      [&state](subscribe_atom, const ModelListenerActor& listener) {
        state.self->monitor(listener);
        state.listeners.push_back(listener);
        state.self->send(listener, state.table());
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
