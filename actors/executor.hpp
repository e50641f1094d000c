#pragma once
#include <memory>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/stream.hpp"
#include "engine/device/device.hpp"
#include "engine/plan/schedule.hpp"

namespace nanoflow {

struct ExecutorConfig {
  std::string model;  // its name, for timelines
  std::shared_ptr<DeviceModel> device_model;
  double kv_bytes = 2;               // of one number of K or V
  std::vector<StreamActor> streams;  // in the device's order; none: the catalog will send them
  std::vector<std::string> stream_names;
  std::vector<Schedule> candidates;  // for a step; the first is sequential
  MonitorActor monitor;              // may be null
  int n_cpus = 1;                    // that streams share; 1: no further schedules are searched for
  Threads threads = Threads::own;    // the search's
};

/// Runs a model's steps: chooses how, prepares step N+1 while step N runs, and gives the leading
/// stream the step's programs, which then lie ready in its mailbox.
///
/// Once a model's operations are measured, each kind of batch that comes often gets schedules of
/// its own, which are searched for beside all that runs.
///
/// When a stream fails, both steps in flight are lost: they are answered with a failure as soon as
/// nothing of them runs any more. So is a step that the scheduler formed before it knew. Steps that
/// start anew wait until the catalog sends new streams.
ExecutorActor spawn_executor(caf::actor_system& system, ExecutorConfig config);

}  // namespace nanoflow
