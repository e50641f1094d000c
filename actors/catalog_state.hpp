// The catalog's insides. Its functions are where their names say: catalog_load.cpp,
// catalog_unload.cpp; the rest is in catalog.cpp.
#pragma once
#include <atomic>
#include <deque>
#include <map>
#include <set>

#include "actors/catalog.hpp"
#include "actors/restart_limit.hpp"

namespace nanoflow {

using LoadPromise = caf::typed_response_promise<LoadOutcomePtr>;
using UnloadPromise = caf::typed_response_promise<std::string>;
using LoadedModelPtr = std::shared_ptr<const LoadedModel>;

inline constexpr std::size_t most_failures = 3;
inline constexpr std::chrono::seconds failures_within{10};

using PrivateCatalog = CatalogActor::extend<
    // Time to see whether what leaves has given its memory back.
    reacts_to<tick_atom>>;

/// A load that waits for its turn, or is being done.
struct QueuedLoad {
  LoadJobPtr job;
  LoadProgressActor progress;
  LoadPromise promise;  // nobody waits for a model that is loaded again
};
/// A model that serves.
struct Loaded {
  LoadedModelPtr model;
  LoadJobPtr job;  // that loaded it
  std::weak_ptr<const DeviceModel> device_model;
};
/// Its actors were told to end; what is to happen when all have and its weights are freed.
struct Leaving {
  LoadedModelPtr model;
  std::weak_ptr<const DeviceModel> device_model;
  std::set<caf::actor_addr> alive;
  std::optional<Clock::time_point> ended;  // the last of them
  UnloadPromise promise;
  LoadJobPtr load_again;  // null: no
};

struct CatalogState;
using CatalogSelf = PrivateCatalog::stateful_pointer<CatalogState>;

struct CatalogState {
  static inline const char* name = "catalog";

  CatalogSelf self = nullptr;
  CatalogConfig config;
  std::optional<KvBudget> budget, spill_budget;  // of memory, and of spill files
  std::vector<StreamActor> streams;              // in the device's order; null: it ended
  RestartLimit stream_failures{most_failures, failures_within};
  std::map<std::string, RestartLimit> model_failures;
  std::deque<QueuedLoad> loads;  // the first is being done where a loader is at work
  bool loading = false;
  std::shared_ptr<std::atomic<bool>> loads_cancelled = std::make_shared<std::atomic<bool>>(false);
  std::vector<Loaded> loaded;
  std::vector<Leaving> leaving;
  bool ticking = false;  // a message is on its way
  std::vector<ModelListenerActor> listeners;
  std::optional<caf::error> closing;  // why

  // catalog.cpp
  void start(CatalogSelf owner, CatalogConfig with);
  void start_streams();
  bool streams_alive() const;  // all of them
  ModelTablePtr table() const;
  void publish();
  void note_down(const caf::down_msg& down);
  void note_stream_down(std::size_t index, const caf::error& reason);

  // catalog_load.cpp
  LoadPromise load(const LoadJobPtr& job, const LoadProgressActor& progress);
  void load_next();
  bool answer_at_once(QueuedLoad& load);
  void finish_load(const LoadPlan& plan, const LoadedParts& parts);
  void refuse_loads();

  // catalog_unload.cpp
  UnloadPromise unload(const std::string& name);
  Leaving& dismiss(std::size_t index, const caf::error& reason);
  void note_model_down(std::size_t index, const caf::down_msg& down);
  void note_left(const caf::actor_addr& actor);
  void finish_leaving();
  void finish_leaving(Leaving left);
  void close(const caf::error& reason);
  void end_when_all_left();
};

caf::error user_shutdown();

}  // namespace nanoflow
