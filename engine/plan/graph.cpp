#include "engine/plan/graph.hpp"

#include <algorithm>

namespace nanoflow {

namespace {

constexpr double activation_bytes = 4;  // activations are f32 between operations
constexpr double norm_flops = 4;        // a number: square, sum, scale, weight
constexpr double rope_flops = 3;        // a number: half of a complex product's six
constexpr double gate_flops = 5;        // a number: exponential, sum, quotient, two products

/// Builds one block: each operation is added with what it reads.
class BlockBuilder {
 public:
  explicit BlockBuilder(std::string name) { block_.name = std::move(name); }

  /// Costs still to be filled in by the caller. moved: numbers a row reads and writes.
  Operation& add(OperationKind kind, Resource resource, std::vector<int> inputs, double moved) {
    Operation operation;
    operation.kind = kind;
    operation.name = to_string(kind);
    operation.resource = resource;
    operation.inputs = std::move(inputs);
    operation.activation_bytes_per_row = moved * activation_bytes;
    return block_.operations.emplace_back(std::move(operation));
  }
  Operation& matmul(OperationKind kind, int input, double n_in, double n_out) {
    auto& operation = add(kind, Resource::compute, {input}, n_in + n_out);
    operation.weights = n_in * n_out;
    operation.flops_per_row = 2 * n_in * n_out;
    return operation;
  }
  Operation& norm(OperationKind kind, std::vector<int> inputs, double dim) {
    auto& operation = add(kind, Resource::memory, std::move(inputs), 2 * dim);
    operation.weights = dim;
    operation.flops_per_row = norm_flops * dim;
    return operation;
  }
  /// x += [post norm] projection
  Operation& residual(OperationKind kind, std::vector<int> inputs, double dim, bool post_norm) {
    auto& operation = add(kind, Resource::memory, std::move(inputs), 3 * dim);
    operation.weights = post_norm ? dim : 0;
    operation.flops_per_row = post_norm ? (norm_flops + 1) * dim : dim;
    return operation;
  }
  int last() const { return static_cast<int>(block_.operations.size()) - 1; }
  Block take() { return std::move(block_); }

 private:
  Block block_;
};

Block prologue(const ModelConfig& config) {
  BlockBuilder block("prologue");
  // Each row reads its own row of the table: not the weights as a whole.
  auto& embed = block.add(OperationKind::embed, Resource::memory, {}, 2.0 * config.dim);
  embed.flops_per_row = config.embedding_scale == 1.0F ? 0 : config.dim;
  return block.take();
}

/// Returns the index of the operation that adds to the residual stream.
int add_attention(BlockBuilder& block, const ModelConfig& config, bool windowed) {
  const double dim = config.dim, q_dim = config.q_dim(), kv_dim = config.kv_dim();
  block.norm(OperationKind::attention_norm, {}, dim).reads_block_input = true;
  auto& qkv = block.matmul(OperationKind::qkv, block.last(), dim, q_dim + 2 * kv_dim);
  if (config.qkv_bias) {
    qkv.weights += q_dim + 2 * kv_dim;
    qkv.flops_per_row += q_dim + 2 * kv_dim;
  }
  auto& rope = block.add(OperationKind::rope_store, Resource::memory, {block.last()},
                         2 * (q_dim + 2 * kv_dim));
  rope.flops_per_row = (rope_flops + (config.qk_norm ? norm_flops : 0)) * (q_dim + kv_dim);
  rope.weights = config.qk_norm ? 2.0 * config.head_dim : 0;

  auto& attention =
      block.add(OperationKind::attention, Resource::memory, {block.last()}, 2 * q_dim);
  attention.windowed = windowed;
  attention.flops_per_attended = 4 * q_dim;  // q.k and p.v: a product and a sum each
  attention.kv_per_token = 2 * kv_dim;
  block.matmul(OperationKind::output, block.last(), q_dim, dim);
  block.residual(OperationKind::attention_add, {block.last()}, dim, config.post_norms)
      .reads_block_input = true;
  return block.last();
}

void add_dense(BlockBuilder& block, const ModelConfig& config) {
  const double dim = config.dim, ffn_dim = config.ffn_dim;
  auto& gate_up = block.matmul(OperationKind::gate_up, block.last(), dim, 2 * ffn_dim);
  // The activation is a part of it, whose few operations do not count beside the product's.
  gate_up.activation_bytes_per_row = (dim + ffn_dim) * activation_bytes;
  block.matmul(OperationKind::down, block.last(), ffn_dim, dim);
}

void add_experts(BlockBuilder& block, const ModelConfig& config) {
  const auto& experts = config.experts;
  const double dim = config.dim, ffn_dim = experts.ffn_dim;
  const int norm = block.last();
  block.matmul(OperationKind::route, norm, dim, experts.n_experts);
  auto& mixture = block.add(OperationKind::experts, Resource::compute, {norm, block.last()},
                            2 * dim + experts.n_used * (5 * ffn_dim + dim));
  mixture.n_experts = experts.n_experts;
  mixture.n_used = experts.n_used;
  mixture.weights_per_expert = 3 * dim * ffn_dim;
  mixture.flops_per_row = experts.n_used * (6 * dim * ffn_dim + gate_flops * ffn_dim + 2 * dim);
}

Block layer_block(const ModelConfig& config, const LayerConfig& layer) {
  const bool windowed = layer.window > 0;
  std::string name = layer.experts ? "experts" : "dense";
  if (windowed) name = layer.experts ? "windowed experts" : "windowed";
  BlockBuilder block(name);
  const int attended = add_attention(block, config, windowed);
  block.norm(OperationKind::ffn_norm, {attended}, config.dim);
  if (layer.experts) {
    add_experts(block, config);
  } else {
    add_dense(block, config);
  }
  block.residual(OperationKind::ffn_add, {block.last(), attended}, config.dim, config.post_norms);
  return block.take();
}

Block epilogue(const ModelConfig& config) {
  BlockBuilder block("epilogue");
  block.norm(OperationKind::gather, {}, config.dim).reads_block_input = true;
  block.matmul(OperationKind::lm_head, block.last(), config.dim, config.vocab_size);
  block.add(OperationKind::sample, Resource::memory, {block.last()}, config.vocab_size)
      .flops_per_row = config.vocab_size;
  auto result = block.take();
  for (auto& operation : result.operations) operation.sampled_rows = true;
  return result;
}

template <class Cost>
double sum(const Graph& graph, Cost cost) {
  const auto of_block = [&](const Block& block) {
    double total = 0;
    for (const auto& operation : block.operations) total += cost(operation);
    return total;
  };
  double total = of_block(graph.prologue()) + of_block(graph.epilogue());
  for (const int kind : graph.layers) total += of_block(graph.blocks[kind]);
  return total;
}

}  // namespace

double Graph::flops(const StepShape& shape) const {
  return sum(*this, [&](const Operation& operation) { return operation.flops(shape); });
}

double Graph::bytes(const StepShape& shape) const {
  return sum(*this, [&](const Operation& operation) { return operation.bytes(shape); });
}

Graph build_graph(const ModelConfig& config) {
  Graph graph;
  graph.blocks.push_back(prologue(config));
  for (const auto& layer : config.layers) {
    graph.window = std::max(graph.window, layer.window);
    auto block = layer_block(config, layer);
    const auto known = std::find_if(graph.blocks.begin(), graph.blocks.end(),
                                    [&](const Block& other) { return other.name == block.name; });
    graph.layers.push_back(static_cast<int>(known - graph.blocks.begin()));
    if (known == graph.blocks.end()) graph.blocks.push_back(std::move(block));
  }
  graph.blocks.push_back(epilogue(config));
  return graph;
}

}  // namespace nanoflow
