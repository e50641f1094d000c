#pragma once
#include <cstddef>
#include <memory>

#include "actors/interfaces.hpp"
#include "engine/device/device.hpp"

namespace nanoflow {

/// Where a stream actor runs: on a thread of its own, which it binds to the device's stream; or
/// where all actors do, which only tests want.
enum class Threads { own, shared };

/// Runs the programs of one stream of the device, one after the other in the order in which they
/// come. A step that fails is answered with ActorError::device_failed, which also ends the
/// actor: the catalog, who monitors it, starts another.
StreamActor spawn_stream(caf::actor_system& system, std::shared_ptr<Device> device,
                         std::size_t index, Threads threads = Threads::own);

}  // namespace nanoflow
