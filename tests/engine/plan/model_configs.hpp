// Published models' shapes, written out here rather than read from a file.
#pragma once
#include "engine/model/config.hpp"

namespace nanoflow::test {

inline ModelConfig llama(int n_layers, int dim, int n_heads, int n_kv_heads, int head_dim,
                         int ffn_dim, int vocab_size) {
  ModelConfig config;
  config.n_layers = n_layers;
  config.dim = dim;
  config.n_heads = n_heads;
  config.n_kv_heads = n_kv_heads;
  config.head_dim = head_dim;
  config.ffn_dim = ffn_dim;
  config.vocab_size = vocab_size;
  config.ropes.resize(1);
  config.layers.resize(n_layers);
  return config;
}

inline ModelConfig smollm2_135m() {
  return llama(30, 576, 9, 3, 64, 1536, 49152);
}
inline ModelConfig llama3_8b() {
  return llama(32, 4096, 32, 8, 128, 14336, 128256);
}

inline ModelConfig qwen25_05b() {
  auto config = llama(24, 896, 14, 2, 64, 4864, 151936);
  config.qkv_bias = true;
  return config;
}

inline ModelConfig mixtral_8x7b() {
  auto config = llama(32, 4096, 32, 8, 128, 14336, 32000);
  config.experts = {.n_experts = 8, .n_used = 2, .ffn_dim = 14336};
  for (auto& layer : config.layers) layer.experts = true;
  return config;
}

/// Every sixth layer attends to everything, the others to a window.
inline ModelConfig gemma3_270m() {
  auto config = llama(18, 640, 4, 1, 256, 2048, 262144);
  config.qk_norm = config.post_norms = true;
  config.embedding_scale = 25.298F;
  for (int layer = 0; layer < config.n_layers; ++layer)
    if (layer % 6 != 5) config.layers[layer].window = 512;
  return config;
}

}  // namespace nanoflow::test
