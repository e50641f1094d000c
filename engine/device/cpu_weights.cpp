#include "engine/device/cpu_weights.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "engine/device/pack_jobs.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow {

namespace {

using kernels::Element;
using kernels::PackedMatrix;

constexpr int panels_a_job = 8;
// Packed weights after which what was read of the file is forgotten, so that loading takes no more
// memory than serving.
constexpr std::uint64_t forget_bytes = 64 << 20;

/// As a tensor of this type is kept when nothing else is asked for.
Element element_of(DType type) {
  switch (type) {
    case DType::q4_0:
    case DType::q4_1:
    case DType::q4_k:
      return Element::int4;
    case DType::q8_0:
    case DType::q5_0:
    case DType::q5_1:
    case DType::q5_k:
    case DType::q6_k:
      return Element::int8;
    default:
      return Element::bf16;
  }
}

Element element_of(const TensorView& tensor, WeightFormat format) {
  switch (format) {
    case WeightFormat::f32:
      return Element::f32;
    case WeightFormat::bf16:
      return Element::bf16;
    case WeightFormat::int8:
      return Element::int8;
    case WeightFormat::int4:
      return Element::int4;
    case WeightFormat::automatic:
      break;
  }
  return element_of(tensor.dtype);
}

using Parts = std::initializer_list<const TensorView*>;

/// One for the whole matrix: what its most precise part asks for.
Element element_of(const Parts& parts, int n_inputs, WeightFormat format) {
  // In the order of precision.
  Element element = Element::int4;
  bool whole_panels = true;
  for (const auto* part : parts) {
    element = std::min(element, element_of(*part, format));
    whole_panels = whole_panels && part->elements() / n_inputs % kernels::panel_width == 0;
  }
  if (is_quantized(element) && n_inputs % kernels::group_inputs != 0) return Element::bf16;
  // Outputs of two parts would share bytes, and are packed at the same time.
  if (element == Element::int4 && parts.size() > 1 && !whole_panels) return Element::int8;
  return element;
}

/// Lays all weights out behind a base address and lists the jobs that fill them. Done twice: with
/// no base, for the size, then for good.
class WeightLayout {
 public:
  WeightLayout(const Checkpoint& checkpoint, WeightFormat format, std::byte* base)
      : config_(checkpoint.config()),
        tensors_(checkpoint.tensors()),
        format_(format),
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
      // Which experts are chosen is worth 32 bits.
      to.router = matrix({&from.router}, config_.experts.n_experts, dim, Element::f32);
      add_experts(from, to);
    } else {
      to.dense = {matrix({&from.gate, &from.up}, 2 * config_.ffn_dim, dim),
                  matrix({&from.down}, dim, config_.ffn_dim)};
    }
    to.post_ffn_norm = vector({&from.post_ffn_norm});
    return to;
  }

  /// All experts of a layer have the format that the most precise of them asks for.
  void add_experts(const LayerTensors& from, CpuLayer& to) {
    const int n_experts = config_.experts.n_experts;
    const int dim = config_.dim, ffn_dim = config_.experts.ffn_dim;
    Element gate_up = Element::int4, down = Element::int4;
    for (int i = 0; i < n_experts; ++i) {
      gate_up =
          std::min(gate_up, element_of({&from.expert_gate[i], &from.expert_up[i]}, dim, format_));
      down = std::min(down, element_of({&from.expert_down[i]}, ffn_dim, format_));
    }
    for (int i = 0; i < n_experts; ++i) {
      to.experts.push_back(
          {matrix({&from.expert_gate[i], &from.expert_up[i]}, 2 * ffn_dim, dim, gate_up),
           matrix({&from.expert_down[i]}, dim, ffn_dim, down)});
    }
  }

  /// The tensors one below the other; null where the model has none of them.
  const float* vector(Parts parts) {
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

  PackedMatrix matrix(Parts parts, int n_outputs, int n_inputs) {
    return matrix(parts, n_outputs, n_inputs, element_of(parts, n_inputs, format_));
  }
  PackedMatrix matrix(Parts parts, int n_outputs, int n_inputs, Element element) {
    PackedMatrix matrix{element, n_outputs, n_inputs, nullptr};
    matrix.data = place(kernels::packed_bytes(element, n_outputs, n_inputs));
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
  WeightFormat format_;
  std::byte* base_;
  MemoryLayout layout_;
  std::vector<PackJob> jobs_;
};

std::size_t matrix_elements(const PackedMatrix& matrix) {
  return static_cast<std::size_t>(matrix.n_outputs) * matrix.n_inputs;
}

void copy_embedding(const TensorView& from, CpuWeights& weights) {
  weights.embedding_memory = MappedMemory(from.data.size());
  std::copy(from.data.begin(), from.data.end(), weights.embedding_memory.data());
  weights.embedding = from;
  weights.embedding.data = {weights.embedding_memory.data(), from.data.size()};
}

}  // namespace

template <class Visit>
void CpuWeights::for_each_matrix(const Visit& visit) const {
  const auto visit_feed_forward = [&](const CpuFeedForward& feed_forward) {
    visit(feed_forward.gate_up);
    visit(feed_forward.down);
  };
  for (const CpuLayer& layer : layers) {
    visit(layer.qkv);
    visit(layer.output);
    if (layer.experts.empty()) visit_feed_forward(layer.dense);
    for (const auto& expert : layer.experts) visit_feed_forward(expert);
  }
  visit(lm_head);
}

std::vector<std::pair<std::size_t, kernels::Element>> CpuWeights::counts() const {
  std::vector<std::pair<std::size_t, kernels::Element>> counts;
  for (const auto element : {kernels::Element::f32, kernels::Element::bf16, kernels::Element::int8,
                             kernels::Element::int4})
    counts.emplace_back(0, element);
  for_each_matrix([&](const PackedMatrix& matrix) {
    for (auto& [n, element] : counts)
      if (element == matrix.element) n += matrix_elements(matrix);
  });
  std::stable_sort(counts.begin(), counts.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  return counts;
}

kernels::Element CpuWeights::main_element() const {
  return counts().front().second;
}

std::string CpuWeights::formats() const {
  constexpr std::array<std::string_view, 4> names{"f32", "bf16", "int8", "int4"};
  std::string text;
  for (const auto& [n, element] : counts())
    if (n > 0)
      text.append(text.empty() ? "" : " and ").append(names[static_cast<std::size_t>(element)]);
  return text;
}

double CpuWeights::bytes_each() const {
  std::size_t bytes = 0, elements = 0;
  for_each_matrix([&](const PackedMatrix& matrix) {
    bytes += kernels::packed_bytes(matrix.element, matrix.n_outputs, matrix.n_inputs);
    elements += matrix_elements(matrix);
  });
  return static_cast<double>(bytes) / static_cast<double>(elements);
}

std::uint64_t cpu_weight_bytes(const Checkpoint& checkpoint, WeightFormat format) {
  CpuWeights unplaced;
  WeightLayout size(checkpoint, format, nullptr);
  size.run(unplaced);
  return size.bytes() + checkpoint.tensors().token_embedding.data.size();
}

CpuWeights load_cpu_weights(const Checkpoint& checkpoint, WeightFormat format, int n_threads,
                            const LoadProgress& progress) {
  CpuWeights unplaced, weights;
  WeightLayout size(checkpoint, format, nullptr);
  size.run(unplaced);
  weights.memory = MappedMemory(size.bytes());
  WeightLayout layout(checkpoint, format, weights.memory.data());
  layout.run(weights);

  std::size_t elements = 0;
  for (const auto& job : layout.jobs()) elements += job.elements();
  const double bytes_an_element = static_cast<double>(size.bytes()) / static_cast<double>(elements);
  std::uint64_t forgotten = 0;
  run_pack_jobs(layout.jobs(), n_threads, [&](std::size_t done) {
    const auto bytes = static_cast<std::uint64_t>(static_cast<double>(done) * bytes_an_element);
    if (bytes > forgotten + forget_bytes) {
      checkpoint.forget();
      forgotten = bytes;
    }
    if (progress) progress(std::min<std::uint64_t>(bytes, size.bytes()), size.bytes());
  });
  copy_embedding(checkpoint.tensors().token_embedding, weights);
  checkpoint.check_intact();
  checkpoint.forget();
  if (progress) progress(size.bytes(), size.bytes());
  return weights;
}

}  // namespace nanoflow
