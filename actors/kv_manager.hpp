#pragma once
#include "actors/interfaces.hpp"

namespace nanoflow {

/// Owns a model's KV pages: answers a proposal with what is granted of it.
KvManagerActor spawn_kv_manager(caf::actor_system& system, KvCache::Options options);

}  // namespace nanoflow
