#pragma once
#include <memory>
#include <string>

#include "actors/interfaces.hpp"
#include "engine/device/device.hpp"

namespace nanoflow {

struct KvManagerConfig {
  std::string model;  // its name, for the log
  KvCache::Options cache;
  std::shared_ptr<DeviceModel> device_model;  // whose pages these are: to copy them
  CopyActor copy;                             // null: nothing is spilled
};

/// Owns a model's KV pages: answers a proposal with what is granted of it. It alone gives pages
/// away, so that it alone copies them, between two answers: a page that is written to the spill
/// file is copied into a buffer first, and one that was read from it out of a buffer into its
/// place; the copy actor sees buffers only. Where the file fails, all goes on without it.
///
/// It ends the copy actor when it ends.
KvManagerActor spawn_kv_manager(caf::actor_system& system, KvManagerConfig config);

}  // namespace nanoflow
