#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/interfaces.hpp"
#include "actors/kv_budget.hpp"
#include "actors/stream.hpp"
#include "engine/text/chat_template.hpp"
#include "engine/text/tokenizer.hpp"

namespace nanoflow {

/// What is read from a model's files.
struct ModelFiles {
  std::shared_ptr<const Checkpoint> checkpoint;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ChatTemplate> chat_template;  // null: it has none
};
/// Throws ModelError. A chat template that cannot be used is logged, and left out.
ModelFiles open_model_files(const std::filesystem::path& path);
using OpenModelFiles = std::function<ModelFiles(const std::filesystem::path&)>;

/// One load, all decided but what depends on the model's files.
struct LoadPlan {
  std::string name;
  std::filesystem::path path;
  std::optional<int> context;
  std::optional<MemoryAmount> kv_memory;
  WeightFormat weights = WeightFormat::automatic;
  KvFormat kv = KvFormat::automatic;
  int n_slots = 0, max_step_tokens = 0;
  KvBudget budget;
  std::uint64_t spill_bytes = 0;  // of its spill file; 0: none
  std::uint64_t free_bytes = 0;
  /// Ends the load soon after it was set. Never null.
  std::shared_ptr<const std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
};
struct LoadedParts {
  ModelFiles files = {};
  PoolSize pool = {};
  std::uint64_t page_bytes = 0;
  std::shared_ptr<DeviceModel> device_model = nullptr;
  std::optional<wire::Error> error;  // then nothing else is set
};
using LoadPlanPtr = std::shared_ptr<const LoadPlan>;
using LoadedPartsPtr = std::shared_ptr<const LoadedParts>;

using LoaderActor = caf::typed_actor<
    // Blocks until all is read and on the device; tells how far it is.
    replies_to<LoadPlanPtr, LoadProgressActor>::with<LoadedPartsPtr>>;

/// Does what blocks for long, so that the catalog never does. It ends after its one load.
LoaderActor spawn_loader(caf::actor_system& system, std::shared_ptr<Device> device,
                         OpenModelFiles open, Threads threads);

}  // namespace nanoflow

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::LoadPlanPtr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(nanoflow::LoadedPartsPtr)
