// What a step needs of a device at least, and so how fast nobody can be.
#pragma once
#include "engine/plan/graph.hpp"

namespace nanoflow {

/// What a device can do at most.
struct Peaks {
  double flops_per_s = 0;  // in products with the model's weights; 0: not known
  double read_bytes_per_s = 0;
  bool known() const { return flops_per_s > 0 && read_bytes_per_s > 0; }
};

/// Products with weights are counted, and what must come from memory: activations stay in caches.
struct StepNeeds {
  double flops = 0;
  double weight_bytes = 0;
  double kv_bytes = 0;  // K and V, read once for each sequence and layer
};
StepNeeds step_needs(const Graph& graph, const StepShape& shape);

/// In seconds, one operation after the other: while weights are read they are multiplied, and then
/// K and V are read.
double roofline_s(const StepNeeds& needs, const Peaks& peaks);

}  // namespace nanoflow
