#include "engine/plan/simulate/device_graph.hpp"

#include <algorithm>
#include <cmath>

namespace nanoflow::simulate {

namespace {

using Kind = DeviceOperation::Kind;
constexpr double bytes_per_number = 2;  // activations are f16 or bf16 on such devices

/// Builds one layer from the model's own block of operations.
class LayerBuilder {
 public:
  LayerBuilder(const Block& block, const DeviceProfile& profile, const ModelConfig& config,
               const SteadyBatch& batch)
      : block_(block),
        config_(config),
        batch_(batch),
        devices_(profile.devices),
        windowed_(block.name.find("windowed") != std::string::npos) {}

  DeviceLayer build() {
    const double dim = config_.dim;
    add_norm("norm 1", OperationKind::attention_norm).reads_previous_layer = true;
    gemm("qkv", OperationKind::qkv, {cut(config_.q_dim() + 2.0 * config_.kv_dim()), dim});
    const int rope = element_wise("rope", OperationKind::rope_store, true);
    const int prefill = prefill_attention(rope);
    int attention = decode_attention(rope);
    if (devices_ > 1) attention = network("gather 1", {prefill, attention}, 1);
    gemm("output", OperationKind::output, {cut(dim), static_cast<double>(config_.q_dim())});
    layer_.operations.back().inputs =
        devices_ > 1 ? std::vector{attention} : std::vector{prefill, attention};
    if (devices_ > 1) network("gather 2", {last()}, 1);
    add_norm("norm 2", OperationKind::ffn_norm);
    feed_forward();
    if (devices_ > 1) network("reduce", {last()}, 2);
    return std::move(layer_);
  }

 private:
  int last() const { return static_cast<int>(layer_.operations.size()) - 1; }
  double cut(double whole) const { return whole / devices_; }
  const Operation* find(OperationKind kind) const {
    for (const auto& operation : block_.operations)
      if (operation.kind == kind) return &operation;
    return nullptr;
  }
  /// The model's count is of f32 numbers between operations.
  double moved(const Operation& operation) const {
    return operation.activation_bytes_per_row * batch_.n_tokens * bytes_per_number / 4;
  }

  DeviceOperation& add(std::string name, Kind kind, std::vector<int> inputs) {
    auto& operation = layer_.operations.emplace_back();
    operation.name = std::move(name);
    operation.kind = kind;
    operation.inputs = std::move(inputs);
    return operation;
  }
  std::vector<int> after_last() const {
    return layer_.operations.empty() ? std::vector<int>{} : std::vector{last()};
  }

  DeviceOperation& gemm(std::string name, OperationKind kind, Gemm product) {
    auto& operation = add(std::move(name), Kind::gemm, after_last());
    const auto& whole = *find(kind);
    operation.gemms = {product};
    operation.weight_bytes = cut(whole.weights * bytes_per_number);
    operation.bytes = cut(moved(whole));
    return operation;
  }

  /// A residual sum and the norm after it are one launch that reads the stream and the projection,
  /// and writes the stream and the norm. Every device does all rows.
  DeviceOperation& add_norm(std::string name, OperationKind norm) {
    auto& operation = add(std::move(name), Kind::element_wise, after_last());
    operation.bytes = 4 * bytes_per_number * config_.dim * batch_.n_tokens;
    operation.weight_bytes = find(norm)->weights * bytes_per_number;
    operation.may_run_beside = true;
    return operation;
  }
  int element_wise(std::string name, OperationKind kind, bool may_run_beside) {
    auto& operation = add(std::move(name), Kind::element_wise, after_last());
    operation.bytes = cut(moved(*find(kind)));
    operation.may_run_beside = may_run_beside;
    return last();
  }

  double seen(double context) const {
    return windowed_ ? std::min<double>(context, window_of_block()) : context;
  }
  int window_of_block() const {
    int window = 0;
    for (const auto& layer : config_.layers) window = std::max(window, layer.window);
    return window;
  }
  int prefill_attention(int rope) {
    const auto& whole = *find(OperationKind::attention);
    auto& operation = add("prefill attention", Kind::prefill_attention, {rope});
    operation.flops =
        cut(whole.flops_per_attended) * batch_.n_prefill * seen(batch_.prefill_context);
    operation.attention_heads = cut(config_.n_heads);
    operation.attention_rows = batch_.n_prefill;
    return last();
  }
  int decode_attention(int rope) {
    const auto& whole = *find(OperationKind::attention);
    auto& operation = add("decode attention", Kind::decode_attention, {rope});
    const double kv = whole.kv_per_token * bytes_per_number * seen(batch_.decode_context);
    const double q = moved(whole) / batch_.n_tokens;
    operation.bytes = cut(kv + q) * batch_.n_decode;
    return last();
  }

  /// passes: 1 for an all-gather, 2 for an all-reduce: (N - 1) / N of the rows each.
  int network(std::string name, std::vector<int> inputs, int passes) {
    auto& operation = add(std::move(name), Kind::network, std::move(inputs));
    operation.network_bytes =
        1.0 * passes * (devices_ - 1) / devices_ * bytes_per_number * config_.dim * batch_.n_tokens;
    return last();
  }

  void feed_forward() {
    const double dim = config_.dim, ffn_dim = config_.ffn_dim;
    if (const auto* mixture = find(OperationKind::experts)) return experts(*mixture);
    // Two launches there: gate and up are written, and read again.
    gemm("gate up", OperationKind::gate_up, {cut(2 * ffn_dim), dim}).bytes =
        cut((dim + 2 * ffn_dim) * bytes_per_number * batch_.n_tokens);
    add("activation", Kind::element_wise, after_last()).bytes =
        cut(3 * ffn_dim * bytes_per_number * batch_.n_tokens);
    gemm("down", OperationKind::down, {dim, cut(ffn_dim)});
  }
  void experts(const Operation& mixture) {
    const auto& experts = config_.experts;
    const double dim = config_.dim, ffn_dim = experts.ffn_dim;
    const double rows = 1.0 * experts.n_used / experts.n_experts;
    gemm("route", OperationKind::route, {static_cast<double>(experts.n_experts), dim});
    auto& operation = add("experts", Kind::gemm, after_last());
    operation.gemms = {{cut(2 * ffn_dim), dim, experts.n_experts, rows},
                       {dim, cut(ffn_dim), experts.n_experts, rows}};
    // Experts that some row uses, were each row's choice uniform and independent.
    const double used = experts.n_experts * (1 - std::pow(1 - rows, batch_.n_tokens));
    operation.weight_bytes = cut(mixture.weights_per_expert * used * bytes_per_number);
    operation.bytes = cut(moved(mixture));
  }

  const Block& block_;
  const ModelConfig& config_;
  const SteadyBatch& batch_;
  int devices_;
  bool windowed_;
  DeviceLayer layer_;
};

void check_cut(const DeviceProfile& profile, const ModelConfig& config) {
  const auto check = [&](int whole, const char* what) {
    if (whole % profile.devices != 0)
      throw SimulationError(config.name + "'s " + std::to_string(whole) + " " + what +
                            " cannot be cut over " + std::to_string(profile.devices) + " devices");
  };
  check(config.n_heads, "heads");
  check(config.n_kv_heads, "KV heads");
  check(config.experts.n_experts > 0 ? config.experts.ffn_dim : config.ffn_dim,
        "numbers of the feed-forward");
}

std::vector<DeviceOperation> outside_layers(const DeviceProfile& profile, const ModelConfig& config,
                                            const SteadyBatch& batch) {
  const double dim = config.dim, vocab = 1.0 * config.vocab_size / profile.devices;
  std::vector<DeviceOperation> operations(3);
  operations[0].name = "embed";
  operations[0].bytes = 2 * bytes_per_number * dim * batch.n_tokens;
  operations[1].name = "LM head";
  operations[1].kind = Kind::gemm;
  operations[1].gemms = {{vocab, dim, 1, batch.n_decode / batch.n_tokens}};
  operations[1].weight_bytes = vocab * dim * bytes_per_number;
  operations[1].bytes = (vocab + dim) * bytes_per_number * batch.n_decode;
  operations[2].name = "sample";
  operations[2].bytes = vocab * bytes_per_number * batch.n_decode;
  return operations;
}

}  // namespace

DeviceGraph device_graph(const DeviceProfile& profile, const ModelConfig& config,
                         const SteadyBatch& batch) {
  check_cut(profile, config);
  const Graph graph = build_graph(config);
  DeviceGraph result;
  for (int kind = 1; kind < graph.epilogue_index(); ++kind) {
    auto layer = LayerBuilder(graph.blocks[kind], profile, config, batch).build();
    layer.name = graph.blocks[kind].name;
    layer.n_layers = static_cast<int>(std::count(graph.layers.begin(), graph.layers.end(), kind));
    result.layers.push_back(std::move(layer));
  }
  result.outside = outside_layers(profile, config, batch);
  return result;
}

}  // namespace nanoflow::simulate
