#include "engine/device/cpu_weights.hpp"

#include <algorithm>

#include "engine/device/pack_jobs.hpp"

namespace nanoflow {

namespace {

using kernels::Element;
using kernels::PackedMatrix;

constexpr int panels_a_job = 8;

/// Lays all weights out behind a base address and lists the jobs that fill them. Done twice: with
/// no base, for the size, then for good.
class WeightLayout {
 public:
  WeightLayout(const Checkpoint& checkpoint, Element element, std::byte* base)
      : config_(checkpoint.config()),
        tensors_(checkpoint.tensors()),
        element_(element),
        base_(base) {}

  void run(CpuWeights& weights) {
    for (int layer = 0; layer < config_.n_layers; ++layer)
      weights.layers.push_back(add_layer(tensors_.layers[layer], config_.layers[layer]));
    weights.output_norm = vector({&tensors_.output_norm});
    weights.lm_head = matrix({&tensors_.output}, config_.vocab_size, config_.dim);
  }
  std::size_t bytes() const { return layout_.bytes(); }
  const std::vector<PackJob>& jobs() const { return jobs_; }

 private:
  CpuLayer add_layer(const LayerTensors& from, const LayerConfig& layer) {
    const int dim = config_.dim, q_dim = config_.q_dim(), kv_dim = config_.kv_dim();
    CpuLayer to;
    to.attention_norm = vector({&from.attention_norm});
    to.qkv = matrix({&from.q, &from.k, &from.v}, q_dim + 2 * kv_dim, dim);
    to.qkv_bias = vector({&from.q_bias, &from.k_bias, &from.v_bias});
    to.q_norm = vector({&from.q_norm});
    to.k_norm = vector({&from.k_norm});
    to.output = matrix({&from.attention_output}, dim, q_dim);
    to.post_attention_norm = vector({&from.post_attention_norm});
    to.ffn_norm = vector({&from.ffn_norm});
    if (layer.experts) {
      to.router = matrix({&from.router}, config_.experts.n_experts, dim);
      for (int expert = 0; expert < config_.experts.n_experts; ++expert)
        to.experts.push_back(feed_forward(from.expert_gate[expert], from.expert_up[expert],
                                          from.expert_down[expert], config_.experts.ffn_dim));
    } else {
      to.dense = feed_forward(from.gate, from.up, from.down, config_.ffn_dim);
    }
    to.post_ffn_norm = vector({&from.post_ffn_norm});
    return to;
  }

  CpuFeedForward feed_forward(const TensorView& gate, const TensorView& up, const TensorView& down,
                              int ffn_dim) {
    return {matrix({&gate, &up}, 2 * ffn_dim, config_.dim), matrix({&down}, config_.dim, ffn_dim)};
  }

  /// The tensors one below the other; null where the model has none of them.
  const float* vector(std::initializer_list<const TensorView*> parts) {
    std::size_t elements = 0;
    for (const auto* part : parts)
      elements += *part ? static_cast<std::size_t>(part->elements()) : 0;
    if (elements == 0) return nullptr;
    auto* data = reinterpret_cast<float*>(place(elements * sizeof(float)));
    if (!data) return nullptr;
    float* next = data;
    for (const auto* part : parts) {
      const int n = static_cast<int>(part->elements());
      jobs_.push_back({part, 0, 1, n, {}, 0, next});
      next += n;
    }
    return data;
  }

  PackedMatrix matrix(std::initializer_list<const TensorView*> parts, int n_outputs, int n_inputs) {
    PackedMatrix matrix{element_, n_outputs, n_inputs, nullptr};
    matrix.data = place(kernels::packed_bytes(element_, n_outputs, n_inputs));
    if (!matrix.data) return matrix;
    int output = 0;
    for (const auto* part : parts) {
      const int n_rows = static_cast<int>(part->elements() / n_inputs);
      for (int begin = 0; begin < n_rows; begin += panels_a_job * kernels::panel_width) {
        const int end = std::min(n_rows, begin + panels_a_job * kernels::panel_width);
        jobs_.push_back({part, begin, end, n_inputs, matrix, output + begin, nullptr});
      }
      output += n_rows;
    }
    return matrix;
  }

  std::byte* place(std::size_t bytes) {
    const std::size_t offset = layout_.add(bytes);
    return base_ ? base_ + offset : nullptr;
  }

  const ModelConfig& config_;
  const ModelTensors& tensors_;
  Element element_;
  std::byte* base_;
  MemoryLayout layout_;
  std::vector<PackJob> jobs_;
};

void copy_embedding(const TensorView& from, CpuWeights& weights) {
  weights.embedding_memory = MappedMemory(from.data.size());
  std::copy(from.data.begin(), from.data.end(), weights.embedding_memory.data());
  weights.embedding = from;
  weights.embedding.data = {weights.embedding_memory.data(), from.data.size()};
}

}  // namespace

CpuWeights load_cpu_weights(const Checkpoint& checkpoint, Element element, int n_threads,
                            const LoadProgress& progress) {
  CpuWeights unplaced, weights;
  WeightLayout size(checkpoint, element, nullptr);
  size.run(unplaced);
  weights.memory = MappedMemory(size.bytes());
  WeightLayout layout(checkpoint, element, weights.memory.data());
  layout.run(weights);

  std::size_t elements = 0;
  for (const auto& job : layout.jobs()) elements += job.elements();
  const double bytes_an_element = static_cast<double>(size.bytes()) / static_cast<double>(elements);
  run_pack_jobs(layout.jobs(), n_threads, [&](std::size_t done) {
    const auto bytes = static_cast<std::uint64_t>(static_cast<double>(done) * bytes_an_element);
    if (progress) progress(std::min<std::uint64_t>(bytes, size.bytes()), size.bytes());
  });
  copy_embedding(checkpoint.tensors().token_embedding, weights);
  checkpoint.check_intact();
  if (progress) progress(size.bytes(), size.bytes());
  return weights;
}

}  // namespace nanoflow
