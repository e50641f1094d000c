// The answer for hardware that one does not have: what a workload's throughput would be, by the
// fastest schedule and by the simple ones.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/plan/simulate/schedule_search.hpp"

namespace nanoflow::simulate {

/// An iteration by one way of scheduling.
struct Outcome {
  double seconds = 0;
  double throughput = 0;  // tokens/s of one device, prompts' and answers' together
  double of_optimum = 0;
  std::vector<LayerSchedule> schedules;  // [kinds of layers]
};

struct Simulation {
  DeviceProfile profile;
  ModelConfig model;
  SteadyBatch batch;
  DeviceGraph graph;
  Roofline roofline;
  double optimum = 0;  // tokens/s of one device
  double bound = 0;    // seconds that no schedule can beat
  double outside = 0;  // seconds of embedding, LM head and sampling, in every outcome
  Outcome sequential, nano_batched, overlapped;
  int n_tried = 0;

  /// The fastest of the three.
  const Outcome& chosen() const;
};

/// Throws SimulationError.
Simulation simulate(DeviceProfile profile, const ModelConfig& model, const Workload& workload,
                    const ServingOptions& options = {});

/// One turn of a kind's layers among many: begins at 0 with the compute stream's first launch.
struct TurnView {
  double seconds = 0;
  std::vector<Slice> slices;
};
TurnView steady_turn(const Simulation& simulation, const Outcome& outcome, int kind);

}  // namespace nanoflow::simulate
