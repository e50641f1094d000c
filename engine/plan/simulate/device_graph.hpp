// A model's operations as one of several devices runs them: matrices cut over the devices, network
// operations between, and each operation's time when it is alone.
#pragma once
#include <string>
#include <vector>

#include "engine/plan/graph.hpp"
#include "engine/plan/simulate/device_profile.hpp"
#include "engine/plan/simulate/workload.hpp"

namespace nanoflow::simulate {

/// A product of [rows * rows_per_row, k] and [k, n], `count` of them in one launch.
struct Gemm {
  double n = 0, k = 0;  // of one device
  int count = 1;
  double rows_per_row = 1;  // a mixture's expert sees some of the rows
};

struct DeviceOperation {
  /// What it competes for, hence which interference curve holds for it: the products' for attention
  /// over prompts, GEMV's for decode attention and element-wise operations.
  enum class Kind { gemm, prefill_attention, decode_attention, element_wise, network };

  std::string name;
  Kind kind = Kind::element_wise;
  std::vector<int> inputs;            // operations of the same layer, by index
  bool reads_previous_layer = false;  // the previous layer's last operation is an input too
  bool may_run_beside = false;  // element-wise, and another nano-batch's products need not wait

  // All costs are of one device, and of the whole batch unless said otherwise.
  std::vector<Gemm> gemms;
  double weight_bytes = 0;     // read by every launch, however few its rows
  double bytes = 0;            // in proportion to the rows
  double network_bytes = 0;    // in proportion to the rows
  double flops = 0;            // in proportion to the rows
  double attention_heads = 0;  // of prefill_attention, which is cut into tiles of rows and heads
  double attention_rows = 0;
};

struct DeviceLayer {
  std::string name;  // the block's: "dense", "experts", ...
  int n_layers = 0;  // so many of the model's are like this
  std::vector<DeviceOperation> operations;
};

struct DeviceGraph {
  std::vector<DeviceLayer> layers;  // by kind
  /// Embedding, LM head and sampling, one after the other.
  std::vector<DeviceOperation> outside;
};

/// Throws SimulationError where the heads or the feed-forward cannot be cut over the devices.
DeviceGraph device_graph(const DeviceProfile& profile, const ModelConfig& config,
                         const SteadyBatch& batch);

/// Of an operation on so many of the batch's rows, with a share of its device. Products and
/// attention over prompts go in waves over the units that the share has: a wave of few tiles takes
/// as long as a full one, so that a share may cost less than it takes, or more.
double seconds(const DeviceOperation& operation, const DeviceProfile& profile,
               const SteadyBatch& batch, double rows, double share = 1);
/// Seconds times share, were the waves full and the share the one that pays best: no way of running
/// the operation takes less of the device.
double least_cost(const DeviceOperation& operation, const DeviceProfile& profile,
                  const SteadyBatch& batch);

/// Zhu et al., OSDI'25, section 3, with nominal figures; seconds an iteration.
struct Roofline {
  double compute = 0;  // 2 B P / compute
  double memory = 0;   // what is read and written / bandwidth
  double network = 0;  // 4 (N - 1) B D S L / bandwidth of all N, as their estimated column has it
};
Roofline roofline(const DeviceProfile& profile, const ModelConfig& config,
                  const SteadyBatch& batch);
/// sustained FLOP/s / 2 active parameters: tokens/s of one device.
double optimal_throughput(const DeviceProfile& profile, const ModelConfig& config);

}  // namespace nanoflow::simulate
