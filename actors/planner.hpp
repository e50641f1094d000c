#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "actors/interfaces.hpp"
#include "actors/stream.hpp"

namespace nanoflow {

struct PlannerConfig {
  std::string model;  // its name, for the log
  ExecutorActor executor;
  std::shared_ptr<DeviceModel> device_model;
  /// Where the profile is kept; empty: nowhere.
  std::filesystem::path file;
  /// What it depends on: processor, threads, model, weights, our version. One of another machine is
  /// not used.
  std::string key;
  int n_cpus = 2;                  // that streams share
  bool overlap = true;             // false: the device's peaks are enough
  Threads threads = Threads::own;  // of its own, since taking memory for probes takes a while
};

/// Measures the device's peaks and a model's operations while no step runs, each for a few
/// milliseconds, alone and in pairs, and tells the executor, which then tries only what should be
/// fast. Reads what was measured before instead, where that is there. Ends when it is done, or with
/// the executor.
void spawn_planner(caf::actor_system& system, PlannerConfig config);

}  // namespace nanoflow
