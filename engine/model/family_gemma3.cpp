// Gemma 3, text only. The Gemma Team, "Gemma 3 Technical Report", 2025.
#include <cmath>

#include "engine/model/families.hpp"
#include "engine/model/rope.hpp"

namespace nanoflow {

namespace {

/// A GGUF's pattern layer by layer.
std::vector<bool> to_flags(const ConfigSource& source, const ModelConfig& config, Key key) {
  const std::vector<std::int64_t> flags = *source.integers(key);
  if (flags.size() != config.layers.size()) {
    source.fail(key, "expected " + std::to_string(config.n_layers) + " entries, found " +
                         std::to_string(flags.size()));
  }
  return {flags.begin(), flags.end()};
}

/// The layers that attend to a window: all but every sixth, unless the file says otherwise.
std::vector<bool> windowed(const ConfigSource& source, const ModelConfig& config) {
  if (auto types = layer_types(source, config)) return *types;
  const Key key{"attention.sliding_window_pattern", source.has({"", "_sliding_window_pattern"})
                                                        ? "_sliding_window_pattern"
                                                        : "sliding_window_pattern"};
  if (source.is_list(key)) return to_flags(source, config, key);
  const int pattern = source.count(key, 1, 1024, 6);
  std::vector<bool> out;
  for (int i = 0; i < config.n_layers; ++i) out.push_back((i + 1) % pattern != 0);
  return out;
}

/// Queries are scaled by a number of the configuration; GGUF leaves it to be known:
/// 1/sqrt(head_dim), but 1/sqrt(dim/n_heads) in the 27B model, which its 62 layers tell.
double attention_scale(const ConfigSource& source, const ModelConfig& config) {
  if (!source.is_gguf()) {
    return 1 / std::sqrt(source.positive({"", "query_pre_attn_scalar"}));
  }
  const bool is_27b = config.n_layers == 62;
  return 1 / std::sqrt(is_27b ? config.dim / static_cast<double>(config.n_heads) : config.head_dim);
}

}  // namespace

void configure_gemma3(const ConfigSource& source, ModelConfig& config) {
  expect_activation(source, "gelu_pytorch_tanh");
  expect_off(source, "attention_bias");
  expect_off(source, "use_bidirectional_attention");
  for (const std::string_view cap : {"attn_logit_softcapping", "final_logit_softcapping"}) {
    if (source.has({"", cap})) source.fail({"", cap}, "expected null: Gemma 3 has no capping");
  }
  config.qk_norm = true;
  config.post_norms = true;
  config.activation = Activation::gelu_tanh;
  config.norm_offset = source.is_gguf() ? 0.0F : 1.0F;  // GGUF's weights have it added
  config.embedding_scale = std::sqrt(static_cast<float>(config.dim));
  config.attention_scale = static_cast<float>(attention_scale(source, config));

  // Windowed layers turn with a base of their own, never stretched.
  RopeSettings local;
  if (source.is_gguf()) {
    local.base = source.positive({"rope.freq_base_swa", ""}, 10000);
  } else {
    local = read_rope(source, config.context, "sliding_attention");
  }
  const RopeSettings global =
      read_rope(source, config.context, source.is_gguf() ? "" : "full_attention");
  config.ropes = {make_rope(global, config.head_dim, Rope::Pairs::halves),
                  make_rope(local, config.head_dim, Rope::Pairs::halves)};
  window_where(source, config, windowed(source, config));
  for (LayerConfig& layer : config.layers) layer.rope = layer.window > 0 ? 1 : 0;
}

}  // namespace nanoflow
