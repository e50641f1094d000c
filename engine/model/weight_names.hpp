#pragma once
#include <string_view>

namespace nanoflow {

/// What a format calls its weights: LayerTensors' fields as names in the file, without ".weight"
/// and ".bias". Layer names follow `layer`, in which {} is the layer's number; in an expert's name
/// {} is the expert's. An empty name: the format has no such weight.
struct WeightNames {
  std::string_view token_embedding, output_norm, output, layer;
  std::string_view attention_norm, q, k, v, q_norm, k_norm, attention_output, post_attention_norm;
  std::string_view ffn_norm, gate, up, down, post_ffn_norm;
  std::string_view router, expert_gate, expert_up, expert_down;
  std::string_view merged_gate, merged_up,
      merged_down;  // all experts in one [n_experts, ...] tensor
};

/// llama.cpp's names, the same for every family.
inline constexpr WeightNames gguf_names = {
    .token_embedding = "token_embd",
    .output_norm = "output_norm",
    .output = "output",
    .layer = "blk.{}.",
    .attention_norm = "attn_norm",
    .q = "attn_q",
    .k = "attn_k",
    .v = "attn_v",
    .q_norm = "attn_q_norm",
    .k_norm = "attn_k_norm",
    .attention_output = "attn_output",
    .post_attention_norm = "post_attention_norm",
    .ffn_norm = "ffn_norm",
    .gate = "ffn_gate",
    .up = "ffn_up",
    .down = "ffn_down",
    .post_ffn_norm = "post_ffw_norm",
    .router = "ffn_gate_inp",
    .expert_gate = "ffn_gate.{}",
    .expert_up = "ffn_up.{}",
    .expert_down = "ffn_down.{}",
    .merged_gate = "ffn_gate_exps",
    .merged_up = "ffn_up_exps",
    .merged_down = "ffn_down_exps",
};

/// Hugging Face's names in most families.
inline constexpr WeightNames hf_names = {
    .token_embedding = "model.embed_tokens",
    .output_norm = "model.norm",
    .output = "lm_head",
    .layer = "model.layers.{}.",
    .attention_norm = "input_layernorm",
    .q = "self_attn.q_proj",
    .k = "self_attn.k_proj",
    .v = "self_attn.v_proj",
    .q_norm = "self_attn.q_norm",
    .k_norm = "self_attn.k_norm",
    .attention_output = "self_attn.o_proj",
    .post_attention_norm = {},
    .ffn_norm = "post_attention_layernorm",
    .gate = "mlp.gate_proj",
    .up = "mlp.up_proj",
    .down = "mlp.down_proj",
    .post_ffn_norm = {},
    .router = "mlp.gate",
    .expert_gate = "mlp.experts.{}.gate_proj",
    .expert_up = "mlp.experts.{}.up_proj",
    .expert_down = "mlp.experts.{}.down_proj",
    .merged_gate = {},
    .merged_up = {},
    .merged_down = {},
};

inline constexpr WeightNames mixtral_names = [] {
  WeightNames names = hf_names;
  names.router = "block_sparse_moe.gate";
  names.expert_gate = "block_sparse_moe.experts.{}.w1";
  names.expert_up = "block_sparse_moe.experts.{}.w3";
  names.expert_down = "block_sparse_moe.experts.{}.w2";
  return names;
}();

inline constexpr WeightNames gemma3_names = [] {
  WeightNames names = hf_names;
  names.post_attention_norm = "post_attention_layernorm";
  names.ffn_norm = "pre_feedforward_layernorm";
  names.post_ffn_norm = "post_feedforward_layernorm";
  return names;
}();

}  // namespace nanoflow
