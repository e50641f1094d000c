#include "engine/plan/simulate/workload.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/plan/simulate/model_shape.hpp"

namespace nanoflow::simulate {

namespace {

constexpr double bytes_per_number = 2;  // f16 or bf16, weights and KV alike
constexpr int dense_batch = 2048, experts_batch = 4096;

std::string gigabytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", bytes / 1e9);
  return text;
}

void check(const ModelConfig& config, const Workload& workload) {
  const auto tokens = static_cast<long>(workload.input) + workload.output;
  if (workload.input < 1 || workload.output < 1)
    throw SimulationError("a workload needs at least one token in and one out");
  if (config.context > 0 && tokens > config.context)
    throw SimulationError("the workload's " + std::to_string(tokens) + " tokens exceed " +
                          config.name + "'s context of " + std::to_string(config.context));
}

}  // namespace

double kv_bytes_per_token(const ModelConfig& config) {
  return 2.0 * config.kv_dim() * config.n_layers * bytes_per_number;
}

SteadyBatch steady_batch(const DeviceProfile& profile, const ModelConfig& config,
                         const Workload& workload, int max_batch) {
  check(config, workload);
  const double memory = profile.memory_bytes * profile.devices;
  const double weights = parameters(config) * bytes_per_number;
  const double free = memory - weights;
  if (free <= 0)
    throw SimulationError(config.name + "'s weights need " + gigabytes(weights) + ", " +
                          std::to_string(profile.devices) + " x " + profile.description + " has " +
                          gigabytes(memory));

  SteadyBatch batch;
  batch.workload = workload;
  batch.decode_context = workload.input + workload.output / 2.0;
  batch.prefill_context = (workload.input + 1) / 2.0;
  const double total = static_cast<double>(workload.input) + workload.output;
  const double decode_part = workload.output / total;
  // Each row brings its part of the decoding sequences' KV, and a prompt's row its own.
  const double kv_per_row =
      kv_bytes_per_token(config) * (decode_part * batch.decode_context + (1 - decode_part));
  batch.memory_limit = static_cast<int>(std::min(free / kv_per_row, 1e9));
  if (max_batch == 0) max_batch = config.experts.n_experts > 0 ? experts_batch : dense_batch;
  batch.n_tokens = std::min(batch.memory_limit, max_batch);
  if (batch.n_tokens < 1)
    throw SimulationError("beside " + config.name +
                          "'s weights there is no memory for one sequence");
  if (batch.n_tokens > profile.tile_rows) batch.n_tokens -= batch.n_tokens % profile.tile_rows;
  batch.n_decode = batch.n_tokens * decode_part;
  batch.n_prefill = batch.n_tokens - batch.n_decode;
  return batch;
}

StepShape step_shape(const SteadyBatch& batch) {
  StepShape shape;
  shape.n_tokens = batch.n_tokens;
  shape.n_sampled = std::llround(batch.n_decode);
  shape.attended =
      std::llround(batch.n_decode * batch.decode_context + batch.n_prefill * batch.prefill_context);
  shape.context = std::llround(batch.n_decode * batch.decode_context);
  shape.weight_bytes = shape.kv_bytes = bytes_per_number;
  return shape;
}

}  // namespace nanoflow::simulate
