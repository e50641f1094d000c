#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/loaded_model.hpp"
#include "actors/loader.hpp"
#include "actors/stream.hpp"

namespace nanoflow {

/// Spawns a model's pool of tokenizers. The model is complete but for them.
using SpawnTokenizers = std::function<std::vector<TokenizerActor>(
    caf::actor_system&, const std::shared_ptr<const LoadedModel>&)>;

struct CatalogConfig {
  std::shared_ptr<Device> device;  // shared by all models
  std::filesystem::path model_dir;
  SpawnTokenizers spawn_tokenizers;
  MonitorActor monitor;             // gets the streams' timelines; may be null
  std::filesystem::path cache_dir;  // what was measured; empty: nothing is kept
  std::filesystem::path spill_dir;  // where pages are spilled to

  // Defaults of a load, and the memory of all models' pages together (see KvBudget).
  std::optional<int> context;
  std::string kv_memory;  // "4GiB" or "50%"; empty: a quarter of what is free at the start
  int n_configured = 1;   // models that will be loaded at the start
  WeightFormat weights = WeightFormat::automatic;
  KvFormat kv = KvFormat::automatic;
  bool prefix_cache = true;
  std::uint64_t spill_bytes = 0;  // of all models' spill files together; 0: nothing is spilled
  bool overlap = true;            // false: every schedule is sequential
  bool speculation = true;        // false: no token is guessed

  int max_sequences = 64;                    // that run at once, of one model
  int max_step_tokens = 512;                 // rows of a step
  int max_waiting = 256;                     // requests, of one model
  std::chrono::microseconds event_pause{0};  // see SchedulerConfig

  // What tests put something else in the place of.
  OpenModelFiles open = open_model_files;
  std::function<std::uint64_t()> available_memory = nanoflow::available_memory;
  Threads threads = Threads::own;
};
/// Throws std::invalid_argument: which key, its value, and what is expected.
void validate(const CatalogConfig& config);

/// Owns the loaded models and the device's streams. Loads are done one after the other, by a loader
/// on its own thread. A model is named after its file; a second file of the same name gets "-2".
/// Loading what is loaded already answers with it.
///
/// Unloading: the table without the model is published, its scheduler ends all its requests as
/// aborted, then the model's other actors end.
///
/// When an actor of a model dies of a bug, the model's others are ended too, whereupon its
/// tokenizers end its requests with `internal`; then it is loaded again. When a stream fails,
/// another takes its place, and the executors are told. When streams fail three times within ten
/// seconds, the device is lost: the catalog ends its models, and then itself with
/// ActorError::device_lost, which whoever monitors it sees.
///
/// An exit message ends the models (their requests as aborted), the streams and the catalog.
CatalogActor spawn_catalog(caf::actor_system& system, CatalogConfig config);

}  // namespace nanoflow
