#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "engine/model/config.hpp"
#include "engine/model/tensor_view.hpp"
#include "engine/token.hpp"

namespace nanoflow {

/// One layer's tensors; those that the architecture does not have are empty.
struct LayerTensors {
  TensorView attention_norm;  // [dim]
  TensorView q, k, v;         // [q_dim, dim], [kv_dim, dim], [kv_dim, dim]
  TensorView q_bias, k_bias, v_bias;
  TensorView q_norm, k_norm;       // [head_dim]
  TensorView attention_output;     // [dim, q_dim]
  TensorView post_attention_norm;  // [dim]
  TensorView ffn_norm;             // [dim]
  TensorView gate, up, down;       // [ffn_dim, dim], [ffn_dim, dim], [dim, ffn_dim]
  TensorView post_ffn_norm;        // [dim]
  TensorView router;               // [n_experts, dim]
  std::vector<TensorView> expert_gate, expert_up, expert_down;  // [n_experts] of the dense shapes
};

struct ModelTensors {
  TensorView token_embedding;  // [vocab_size, dim]
  TensorView output_norm;      // [dim]
  TensorView output;           // [vocab_size, dim]; the same view as token_embedding when tied
  std::vector<LayerTensors> layers;
};

/// Sampling defaults that come with the model (generation_config.json, or GGUF's general.sampling.*
/// keys).
struct GenerationDefaults {
  std::optional<float> temperature, top_p, min_p, repetition_penalty;
  std::optional<int> top_k;
  std::vector<TokenId> end_tokens;  // every id that ends an answer
};

/// An opened model: a GGUF file, or a Hugging Face folder. Everything in it was checked on opening:
/// each tensor lies inside its file and has the shape that the configuration implies.
class Checkpoint {
 public:
  /// Throws ModelError (what, where, expected, found).
  static std::shared_ptr<const Checkpoint> open(const std::filesystem::path& path);
  virtual ~Checkpoint() = default;

  /// Throws ModelError if a file became shorter or unreadable since it was opened: what was read
  /// from the tensors before this call may then be wrong. Call it after copying weights, and now
  /// and then while they are used where they lie.
  virtual void check_intact() const = 0;
  /// Gives back the memory of what was read from the tensors. They can be read again.
  virtual void forget() const {}

  const std::filesystem::path& path() const { return path_; }
  const ModelConfig& config() const { return config_; }
  const ModelTensors& tensors() const { return tensors_; }
  const GenerationDefaults& generation() const { return generation_; }
  std::int64_t n_parameters() const { return n_parameters_; }
  DType main_dtype() const { return main_dtype_; }  // the type that holds most parameters
  std::uint64_t file_bytes() const { return file_bytes_; }

 protected:
  std::filesystem::path path_;
  ModelConfig config_;
  ModelTensors tensors_;
  GenerationDefaults generation_;
  std::int64_t n_parameters_ = 0;
  DType main_dtype_ = DType::f32;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace nanoflow
