#include "engine/model/bind_weights.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/model/error.hpp"

namespace nanoflow {

namespace {

using Shape = std::vector<std::int64_t>;

/// The name with the number in place of {}.
std::string numbered(std::string_view name, std::size_t number) {
  const std::size_t at = name.find("{}");
  return std::string(name.substr(0, at)) + std::to_string(number) +
         std::string(name.substr(at + 2));
}

/// One expert of a merged tensor [n_experts, outputs, inputs].
TensorView expert_of(const TensorView& merged, std::size_t expert) {
  TensorView out = merged;
  out.shape.erase(out.shape.begin());
  const std::size_t size = merged.data.size() / static_cast<std::size_t>(merged.shape[0]);
  out.data = merged.data.subspan(expert * size, size);
  return out;
}

/// Binds the tensors of one layer.
class LayerBinder {
 public:
  LayerBinder(WeightSource& weights, const WeightNames& names, const ModelConfig& config,
              std::size_t layer)
      : weights_(weights),
        names_(names),
        config_(config),
        experts_(config.layers[layer].experts),
        prefix_(numbered(names.layer, layer)) {}

  LayerTensors bind() {
    LayerTensors out;
    bind_attention(out);
    out.ffn_norm = weight(names_.ffn_norm, {config_.dim});
    if (config_.post_norms) {
      out.post_attention_norm = weight(names_.post_attention_norm, {config_.dim});
      out.post_ffn_norm = weight(names_.post_ffn_norm, {config_.dim});
    }
    if (experts_) {
      bind_experts(out);
    } else {
      out.gate = weight(names_.gate, {config_.ffn_dim, config_.dim});
      out.up = weight(names_.up, {config_.ffn_dim, config_.dim});
      out.down = weight(names_.down, {config_.dim, config_.ffn_dim});
    }
    return out;
  }

 private:
  TensorView weight(std::string_view name, const Shape& shape) {
    return weights_.take(prefix_ + std::string(name) + ".weight", shape);
  }
  TensorView bias(std::string_view name, int size) {
    return weights_.take(prefix_ + std::string(name) + ".bias", {size});
  }

  void bind_attention(LayerTensors& out) {
    const int q_dim = config_.q_dim(), kv_dim = config_.kv_dim(), dim = config_.dim;
    out.attention_norm = weight(names_.attention_norm, {dim});
    out.q = weight(names_.q, {q_dim, dim});
    out.k = weight(names_.k, {kv_dim, dim});
    out.v = weight(names_.v, {kv_dim, dim});
    if (config_.qkv_bias) {
      out.q_bias = bias(names_.q, q_dim);
      out.k_bias = bias(names_.k, kv_dim);
      out.v_bias = bias(names_.v, kv_dim);
    }
    if (config_.qk_norm) {
      out.q_norm = weight(names_.q_norm, {config_.head_dim});
      out.k_norm = weight(names_.k_norm, {config_.head_dim});
    }
    out.attention_output = weight(names_.attention_output, {dim, q_dim});
  }

  void bind_experts(LayerTensors& out) {
    const int dim = config_.dim, ffn_dim = config_.experts.ffn_dim;
    out.router = weight(names_.router, {config_.experts.n_experts, dim});
    out.expert_gate = experts(names_.merged_gate, names_.expert_gate, {ffn_dim, dim});
    out.expert_up = experts(names_.merged_up, names_.expert_up, {ffn_dim, dim});
    out.expert_down = experts(names_.merged_down, names_.expert_down, {dim, ffn_dim});
  }

  /// All experts' tensors of a kind, from one merged tensor or from one each.
  std::vector<TensorView> experts(std::string_view merged, std::string_view single,
                                  const Shape& shape) {
    const auto n = static_cast<std::size_t>(config_.experts.n_experts);
    std::vector<TensorView> out;
    if (!merged.empty() && weights_.has(prefix_ + std::string(merged) + ".weight")) {
      const TensorView all = weight(merged, {config_.experts.n_experts, shape[0], shape[1]});
      for (std::size_t i = 0; i < n; ++i) out.push_back(expert_of(all, i));
    } else {
      for (std::size_t i = 0; i < n; ++i) out.push_back(weight(numbered(single, i), shape));
    }
    return out;
  }

  WeightSource& weights_;
  const WeightNames& names_;
  const ModelConfig& config_;
  bool experts_;
  std::string prefix_;
};

}  // namespace

ModelTensors bind_weights(WeightSource& weights, const WeightNames& names, ModelConfig& config) {
  const auto full = [](std::string_view name) { return std::string(name) + ".weight"; };
  ModelTensors out;
  if (config.vocab_size == 0) {
    const std::int64_t rows = weights.rows(full(names.token_embedding));
    config.vocab_size = static_cast<int>(std::clamp<std::int64_t>(rows, 0, 1 << 22));
  }
  out.token_embedding = weights.take(full(names.token_embedding), {config.vocab_size, config.dim});
  out.output_norm = weights.take(full(names.output_norm), {config.dim});
  out.output = weights.has(full(names.output))
                   ? weights.take(full(names.output), {config.vocab_size, config.dim})
                   : out.token_embedding;
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    out.layers.push_back(LayerBinder(weights, names, config, i).bind());
  }
  weights.expect_all_taken();
  return out;
}

}  // namespace nanoflow
