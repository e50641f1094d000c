// The glossary: every shape in engine/ and kernels/ is written in these words.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace nanoflow {

/// Rotary position embedding: pair i of a head is turned by position * inverse_frequencies[i].
/// Su et al., "RoFormer", 2021. Every published scaling (linear, Llama 3, YaRN, a GGUF's rope_freqs
/// tensor) is already applied to the frequencies when the model is opened.
struct Rope {
  enum class Pairs {
    interleaved,  // (x[2i], x[2i+1]): the original Llama layout, and GGUF's "llama" architecture
    halves,  // (x[i], x[i + head_dim/2]): Hugging Face's layout, and GGUF's other architectures
  };
  Pairs pairs = Pairs::halves;
  std::vector<float> inverse_frequencies;  // [head_dim / 2]
  float magnitude = 1.0F;                  // multiplies sine and cosine
};

/// A mixture-of-experts feed-forward: a router picks n_used of n_experts per token.
struct ExpertsConfig {
  int n_experts = 0;
  int n_used = 0;
  int ffn_dim = 0;                // of one expert
  bool normalize_weights = true;  // the chosen experts' softmax weights are scaled to sum to 1
};

enum class Activation { silu, gelu_tanh };

/// What one layer does differently from its neighbours.
struct LayerConfig {
  bool experts = false;  // mixture of experts instead of a dense feed-forward
  int window = 0;        // attends to this many newest tokens, its own included; 0: to all
  int rope = 0;          // index into ModelConfig::ropes
};

/// A decoder-only transformer of the Llama family.
///   x = embedding(token) * embedding_scale
///   per layer: x += [post_norm] attention(norm(x)); x += [post_norm] feed_forward(norm(x))
///   logits = output(norm(x))
struct ModelConfig {
  std::string architecture;  // the file's own word: "llama", "qwen2", "LlamaForCausalLM", ...
  std::string name;
  int n_layers = 0;
  int dim = 0;         // width of the residual stream
  int n_heads = 0;     // query heads
  int n_kv_heads = 0;  // key and value heads; divides n_heads
  int head_dim = 0;
  int ffn_dim = 0;  // of the dense feed-forward
  int vocab_size = 0;
  int context = 0;  // longest sequence the model was made for, tokens
  float norm_eps = 1e-5F;
  float norm_offset =
      0.0F;  // RMS norm multiplies by (weight + norm_offset): 1 for Gemma's Hugging Face files
  float embedding_scale = 1.0F;
  float attention_scale = 0.0F;  // multiplies q.k; usually 1/sqrt(head_dim)
  bool qk_norm = false;          // RMS norm over each query and key head, before the rotation
  bool qkv_bias = false;
  bool post_norms = false;  // Gemma 3: a norm after attention and after the feed-forward as well
  Activation activation = Activation::silu;
  ExpertsConfig experts;
  std::vector<Rope> ropes;
  std::vector<LayerConfig> layers;  // [n_layers]

  int q_dim() const { return n_heads * head_dim; }
  int kv_dim() const { return n_kv_heads * head_dim; }
};

}  // namespace nanoflow
