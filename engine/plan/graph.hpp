// What a model computes, as operations with data dependencies and costs: what schedules are made
// from.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/batch/step.hpp"
#include "engine/model/config.hpp"

namespace nanoflow {

enum class OperationKind {
  embed,           // x = embedding(token) * embedding_scale
  attention_norm,  // normed = rms_norm(x)
  qkv,             // q | k | v = normed * weights [+ bias]
  rope_store,      // [norms of q and k], rotation of q and k, k and v into the sequence's pages
  attention,       // over the pages
  output,          // the attention's output projection
  attention_add,   // x += [post norm] projection
  ffn_norm,        // normed = rms_norm(x)
  gate_up,         // silu or gelu(gate) * up, gate | up = normed * weights
  down,            // the feed-forward's output projection
  route,           // router logits, the chosen experts and their weights
  experts,         // gate_up, activation and down of each row's experts, summed by weight
  ffn_add,         // x += [post norm] projection
  gather,          // the rows that sample, and their final norm
  lm_head,         // logits of the rows that sample
  sample,          // the next token of each
};
inline constexpr int n_operation_kinds = static_cast<int>(OperationKind::sample) + 1;
std::string_view to_string(OperationKind kind);

/// What bounds an operation, alone and at a typical batch.
enum class Resource { compute, memory, copy, network };

/// What an iteration's costs depend on. All sums are over the step's sequences.
struct StepShape {
  std::int64_t n_tokens = 0;   // rows
  std::int64_t n_sampled = 0;  // rows that go through the LM head
  std::int64_t attended = 0;   // pairs of a row and a position that it sees
  std::int64_t context = 0;    // tokens whose K and V are read, each once a sequence
  std::int64_t windowed_attended = 0, windowed_context = 0;  // the same in layers with a window
  double weight_bytes = 2;                                   // of one weight
  double kv_bytes = 2;                                       // of one number of K or V
};
/// window: of the model's windowed layers, 0 when it has none.
StepShape step_shape(const Step& step, int window = 0);

/// What a byte from memory costs, in operations, on a typical machine: where only a guess is
/// needed.
inline constexpr double flops_a_byte = 25;

struct Operation {
  OperationKind kind = OperationKind::embed;
  std::string name;  // unique in its block, "qkv"
  Resource resource = Resource::memory;
  bool reads_block_input = false;  // what the block before this one left in the residual stream
  std::vector<int> inputs;         // operations of the same block that it reads from, by index

  // Cost per launch. Rows are the step's tokens, or its sampled rows in the epilogue after gather.
  bool sampled_rows = false;
  bool windowed = false;  // attention over the window only
  double flops_per_row = 0;
  double flops_per_attended = 0;  // per pair of row and position
  double weights = 0;             // numbers read once a launch
  double weights_per_expert = 0;  // numbers read once for each expert that some row uses
  int n_experts = 0, n_used = 0;
  double kv_per_token = 0;  // numbers of K and V read per token of context
  double activation_bytes_per_row = 0;

  /// The step's rows that it computes.
  double rows(const StepShape& shape) const;
  double flops(const StepShape& shape) const;
  /// Bytes of weights, K and V: what must come from memory, while activations stay in caches.
  double read_bytes(const StepShape& shape) const;
  /// Bytes moved to and from memory when nothing is cached between operations.
  double bytes(const StepShape& shape) const;
};

/// Operations in an order that respects their dependencies; the last one's output is the block's
/// output.
struct Block {
  std::string name;  // "prologue", "dense", "windowed", "experts", "windowed experts", "epilogue"
  std::vector<Operation> operations;
};

/// The model's iteration: prologue, n_layers layers of a few kinds, epilogue.
struct Graph {
  std::vector<Block> blocks;  // 0: prologue, 1 .. n-2: kinds of layers, n-1: epilogue
  std::vector<int> layers;    // [n_layers], each an index into blocks
  int window = 0;             // of the windowed layers

  const Block& prologue() const { return blocks.front(); }
  const Block& epilogue() const { return blocks.back(); }
  int epilogue_index() const { return static_cast<int>(blocks.size()) - 1; }
  /// Of the whole iteration.
  double flops(const StepShape& shape) const;
  double bytes(const StepShape& shape) const;
};

Graph build_graph(const ModelConfig& config);

}  // namespace nanoflow
