#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/device/mapped_memory.hpp"
#include "engine/device/weight_format.hpp"
#include "engine/model/checkpoint.hpp"
#include "kernels/matmul.hpp"

namespace nanoflow {

/// A feed-forward's matrices: the dense one's, or one expert's.
struct CpuFeedForward {
  kernels::PackedMatrix gate_up;  // [2 * ffn_dim, dim]: gate, then up
  kernels::PackedMatrix down;     // [dim, ffn_dim]
};

/// One layer's weights as the kernels read them; null or empty where the architecture has none.
struct CpuLayer {
  const float* attention_norm = nullptr;       // [dim]
  kernels::PackedMatrix qkv;                   // [q_dim + 2 * kv_dim, dim]
  const float* qkv_bias = nullptr;             // [q_dim + 2 * kv_dim]
  const float* q_norm = nullptr;               // [head_dim]
  const float* k_norm = nullptr;               // [head_dim]
  kernels::PackedMatrix output;                // [dim, q_dim]
  const float* post_attention_norm = nullptr;  // [dim]
  const float* ffn_norm = nullptr;             // [dim]
  CpuFeedForward dense;
  kernels::PackedMatrix router;          // [n_experts, dim]
  std::vector<CpuFeedForward> experts;   // [n_experts]
  const float* post_ffn_norm = nullptr;  // [dim]
};

/// A model's weights, dequantised and packed. Token embeddings stay as they are in the file, where
/// a row is dequantised when it is needed; they are copied, so that nothing is read from the file
/// any more once the model is loaded.
struct CpuWeights {
  /// Elements that some matrix has, the most frequent first: "int4 and int8".
  std::string formats() const;
  /// What most weights are kept in.
  kernels::Element main_element() const;
  /// Bytes of a packed weight, on average.
  double bytes_each() const;

  MappedMemory memory, embedding_memory;
  TensorView embedding;  // [vocab_size, dim]
  std::vector<CpuLayer> layers;
  const float* output_norm = nullptr;  // [dim]
  kernels::PackedMatrix lm_head;       // [vocab_size, dim]

 private:
  /// All but the routers, which are small.
  template <class Visit>
  void for_each_matrix(const Visit& visit) const;
  /// How many weights are kept in each way, the most frequent first.
  std::vector<std::pair<std::size_t, kernels::Element>> counts() const;
};

/// Progress in bytes of the packed weights: done, in all. What it throws ends the loading.
using LoadProgress = std::function<void(std::uint64_t, std::uint64_t)>;

/// Packs on n_threads threads, of which the caller is one: only it calls `progress`. Throws
/// ModelError where the file was cut meanwhile.
CpuWeights load_cpu_weights(const Checkpoint& checkpoint, WeightFormat format, int n_threads,
                            const LoadProgress& progress);
/// What they will take, embeddings included.
std::uint64_t cpu_weight_bytes(const Checkpoint& checkpoint, WeightFormat format);

}  // namespace nanoflow
