// Qwen2, Qwen2.5, Qwen3, Qwen3-MoE.
#include <algorithm>

#include "engine/model/families.hpp"

namespace nanoflow {

namespace {

/// Qwen's windows are off unless use_sliding_window says so; then the first max_window_layers
/// attend to all.
void windows(const ConfigSource& source, ModelConfig& config, int unsaid) {
  if (!source.flag({"", "use_sliding_window"}).value_or(false)) return;
  if (const auto types = layer_types(source, config)) {
    window_where(source, config, *types);
  } else {
    window_from(source, config, source.count({"", "max_window_layers"}, 0, 1 << 20, unsaid));
  }
}

/// Qwen3-MoE: which layers have experts instead of a dense feed-forward.
void expert_layers(const ConfigSource& source, ModelConfig& config) {
  const int step = source.count({"", "decoder_sparse_step"}, 1, 1 << 20, 1);
  const auto dense = source.integers({"", "mlp_only_layers"}).value_or(std::vector<std::int64_t>{});
  for (int i = 0; i < config.n_layers; ++i) {
    const bool listed = std::ranges::find(dense, i) != dense.end();
    config.layers[static_cast<std::size_t>(i)].experts = !listed && (i + 1) % step == 0;
  }
}

}  // namespace

void configure_qwen2(const ConfigSource& source, ModelConfig& config) {
  expect_activation(source, "silu");
  config.qkv_bias = true;
  one_rope(source, config, Rope::Pairs::halves);
  windows(source, config, 28);
}

void configure_qwen3(const ConfigSource& source, ModelConfig& config) {
  expect_activation(source, "silu");
  expect_off(source, "attention_bias");
  config.qk_norm = true;
  one_rope(source, config, Rope::Pairs::halves);
  read_experts(source, config);
  const bool experts = config.experts.n_experts > 0;
  windows(source, config, experts ? 0 : 28);  // the mixture has no such key: all its layers
  if (experts) expert_layers(source, config);
}

}  // namespace nanoflow
