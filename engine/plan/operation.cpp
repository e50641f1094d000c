#include <cmath>
#include <stdexcept>

#include "engine/plan/graph.hpp"

namespace nanoflow {

std::string_view to_string(OperationKind kind) {
  switch (kind) {
    case OperationKind::embed:
      return "embed";
    case OperationKind::attention_norm:
      return "attention_norm";
    case OperationKind::qkv:
      return "qkv";
    case OperationKind::rope_store:
      return "rope_store";
    case OperationKind::attention:
      return "attention";
    case OperationKind::output:
      return "output";
    case OperationKind::attention_add:
      return "attention_add";
    case OperationKind::ffn_norm:
      return "ffn_norm";
    case OperationKind::gate_up:
      return "gate_up";
    case OperationKind::down:
      return "down";
    case OperationKind::route:
      return "route";
    case OperationKind::experts:
      return "experts";
    case OperationKind::ffn_add:
      return "ffn_add";
    case OperationKind::gather:
      return "gather";
    case OperationKind::lm_head:
      return "lm_head";
    case OperationKind::sample:
      return "sample";
  }
  throw std::logic_error("operation kind " + std::to_string(static_cast<int>(kind)) +
                         ": not one of the kinds");
}

double Operation::rows(const StepShape& shape) const {
  return static_cast<double>(sampled_rows ? shape.n_sampled : shape.n_tokens);
}

double Operation::flops(const StepShape& shape) const {
  const auto pairs = static_cast<double>(windowed ? shape.windowed_attended : shape.attended);
  return flops_per_row * rows(shape) + flops_per_attended * pairs;
}

double Operation::read_bytes(const StepShape& shape) const {
  if (rows(shape) == 0) return 0;
  const auto context = static_cast<double>(windowed ? shape.windowed_context : shape.context);
  double numbers = weights;
  if (n_experts > 0) {
    // Experts that at least one row uses, were each row's choice uniform and independent.
    const double unused = std::pow(1.0 - static_cast<double>(n_used) / n_experts, rows(shape));
    numbers += weights_per_expert * n_experts * (1.0 - unused);
  }
  return numbers * shape.weight_bytes + kv_per_token * context * shape.kv_bytes;
}

double Operation::bytes(const StepShape& shape) const {
  return read_bytes(shape) + activation_bytes_per_row * rows(shape);
}

}  // namespace nanoflow
