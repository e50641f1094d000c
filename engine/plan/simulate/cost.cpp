// What operations cost when they are alone, and the three totals of the paper's section 3.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "engine/plan/simulate/device_graph.hpp"
#include "engine/plan/simulate/model_shape.hpp"

namespace nanoflow::simulate {

namespace {

using Kind = DeviceOperation::Kind;

/// Waves of tiles over the units that a share of the device has.
double waves(double tiles, const DeviceProfile& profile, double share) {
  const double units = std::floor(profile.units * profile.gemm.performance(share) + 1e-9);
  return std::ceil(tiles / std::max(1.0, units));
}

/// Few rows get a lower tile, down to the 16 rows of a matrix instruction.
double tile_rows(const DeviceProfile& profile, double rows) {
  double height = profile.tile_rows;
  while (height / 2 >= std::max(16.0, rows)) height /= 2;
  return height;
}

/// Equal tiles, so many units at a time.
struct Tiles {
  double count = 0, wave_seconds = 0;
};

Tiles gemm_tiles(const Gemm& gemm, const DeviceProfile& profile, double all_rows) {
  const double rows = all_rows * gemm.rows_per_row, height = tile_rows(profile, rows);
  const double flops = 2.0 * height * profile.tile_columns * gemm.k;
  return {gemm.count * std::ceil(rows / height) * std::ceil(gemm.n / profile.tile_columns),
          flops * profile.units / (profile.flops * profile.gemm_efficiency)};
}

/// A tile is some rows of one head.
Tiles prefill_tiles(const DeviceOperation& operation, const DeviceProfile& profile, double part) {
  const double rows = operation.attention_rows * part, height = tile_rows(profile, rows);
  const double flops =
      operation.flops / (operation.attention_rows * operation.attention_heads) * height;
  return {std::ceil(rows / height) * operation.attention_heads,
          flops * profile.units / (profile.flops * profile.prefill_attention_efficiency)};
}

double seconds_in_waves(const Tiles& tiles, const DeviceProfile& profile, double share) {
  return waves(tiles.count, profile, share) * tiles.wave_seconds;
}

double seconds_if_full(const Tiles& tiles, const DeviceProfile& profile) {
  return tiles.count / profile.units * tiles.wave_seconds;
}

double memory_seconds(const DeviceOperation& operation, const DeviceProfile& profile, double part) {
  return (operation.weight_bytes + operation.bytes * part) /
         (profile.memory_bandwidth * profile.memory_efficiency);
}

}  // namespace

double seconds(const DeviceOperation& operation, const DeviceProfile& profile,
               const SteadyBatch& batch, double rows, double share) {
  const double part = rows / batch.n_tokens;
  switch (operation.kind) {
    case Kind::gemm: {
      double compute = 0;
      for (const auto& gemm : operation.gemms)
        compute += seconds_in_waves(gemm_tiles(gemm, profile, rows), profile, share);
      const double memory = memory_seconds(operation, profile, part);
      return std::max(compute, memory / profile.gemv.performance(share));
    }
    case Kind::prefill_attention:
      return seconds_in_waves(prefill_tiles(operation, profile, part), profile, share);
    case Kind::decode_attention:
    case Kind::element_wise:
      return memory_seconds(operation, profile, part) / profile.gemv.performance(share);
    case Kind::network:
      return profile.network_latency + operation.network_bytes * part /
                                           (profile.network_bandwidth * profile.network_efficiency *
                                            profile.network_curve.performance(share));
  }
  throw std::logic_error("device operation " + operation.name + ": no such kind");
}

double least_cost(const DeviceOperation& operation, const DeviceProfile& profile,
                  const SteadyBatch& batch) {
  const double rows = batch.n_tokens;
  switch (operation.kind) {
    case Kind::gemm: {
      double compute = 0;
      for (const auto& gemm : operation.gemms)
        compute += seconds_if_full(gemm_tiles(gemm, profile, rows), profile);
      return std::max(compute * profile.gemm.cheapest(),
                      memory_seconds(operation, profile, 1) * profile.gemv.cheapest());
    }
    case Kind::prefill_attention:
      return seconds_if_full(prefill_tiles(operation, profile, 1), profile) *
             profile.gemm.cheapest();
    case Kind::decode_attention:
    case Kind::element_wise:
      return seconds(operation, profile, batch, rows) * profile.gemv.cheapest();
    case Kind::network:  // a latency may pass with hardly a share
      return (seconds(operation, profile, batch, rows) - profile.network_latency) *
             profile.network_curve.cheapest();
  }
  throw std::logic_error("device operation " + operation.name + ": no such kind");
}

Roofline roofline(const DeviceProfile& profile, const ModelConfig& config,
                  const SteadyBatch& batch) {
  const double n = profile.devices;
  const StepShape shape = step_shape(batch);
  Roofline result;
  result.compute = 2.0 * batch.n_tokens * active_parameters(config) / (n * profile.flops);
  const double kv = kv_bytes_per_token(config) * static_cast<double>(shape.context);
  result.memory = (parameters(config) * shape.weight_bytes + kv) / (n * profile.memory_bandwidth);
  result.network = 4 * (n - 1) * batch.n_tokens * config.dim * shape.weight_bytes *
                   config.n_layers / (n * profile.network_bandwidth);
  return result;
}

double optimal_throughput(const DeviceProfile& profile, const ModelConfig& config) {
  return profile.sustained_flops / (2 * active_parameters(config));
}

}  // namespace nanoflow::simulate
