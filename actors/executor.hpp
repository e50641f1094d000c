#pragma once
#include <memory>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "engine/device/device.hpp"

namespace nanoflow {

struct ExecutorConfig {
  std::string model;  // its name, for timelines
  std::shared_ptr<DeviceModel> device_model;
  std::vector<StreamActor> streams;  // in the device's order
  std::vector<std::string> stream_names;
  MonitorActor monitor;  // may be null
};

/// Runs a model's steps: prepares step N+1 while step N runs, gives each stream its program, and
/// joins their ends. Where the device has one stream, the next step's program lies ready in the
/// stream's mailbox; where it has several, the next step starts when all have finished this one.
///
/// When a stream fails, both steps in flight are lost: they are answered with a failure as soon as
/// nothing of them runs any more. So is a step that the scheduler formed before it knew. Steps that
/// start anew wait until the catalog sends new streams.
ExecutorActor spawn_executor(caf::actor_system& system, ExecutorConfig config);

}  // namespace nanoflow
