// What a served device computes in one iteration when requests of one kind never run out.
#pragma once
#include <stdexcept>
#include <string>

#include "engine/model/config.hpp"
#include "engine/plan/graph.hpp"
#include "engine/plan/simulate/device_profile.hpp"

namespace nanoflow::simulate {

/// Every request has so many tokens.
struct Workload {
  int input = 0, output = 0;
};

/// A question that has no answer: the model does not fit, the context is too long, ...
struct SimulationError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What the server does, beside what is asked of it.
struct ServingOptions {
  int devices = 0;    // 0: the profile's
  int max_batch = 0;  // rows of an iteration; 0: 2048, and 4096 for mixtures of experts, as in
                      // NanoFlow's published configurations
};

/// The steady iteration of all devices together: decoding sequences' contexts are uniform between
/// input and input + output, and prompts are prefilled as fast as answers end.
struct SteadyBatch {
  Workload workload;
  int n_tokens = 0;           // rows: B_dense
  double n_decode = 0;        // of them: sequences that decode
  double n_prefill = 0;       // of them: prompt tokens
  double decode_context = 0;  // mean tokens that a decoding row attends to
  double prefill_context = 0;
  int memory_limit = 0;  // rows for whose sequences KV pages would fit
};

/// Bytes of K and V of a token in all layers.
double kv_bytes_per_token(const ModelConfig& config);
/// Throws SimulationError. The rows are a multiple of the tile's where they are more than one.
SteadyBatch steady_batch(const DeviceProfile& profile, const ModelConfig& config,
                         const Workload& workload, int max_batch = 0);
/// Costs of all rows, 2 bytes a weight and a number of K or V.
StepShape step_shape(const SteadyBatch& batch);

}  // namespace nanoflow::simulate
