// When a step's launches ran: what a schedule looks like on the real device.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/plan/graph.hpp"

namespace nanoflow {

/// One launch. Times are the steady clock's; waiting for other streams is not part of it.
struct LaunchSpan {
  OperationKind kind = OperationKind::embed;
  int stream = 0;
  int block = 0;      // of the graph
  int layer = 0;      // of a layer's operation
  int row_begin = 0;  // of the step's rows: tells nano-batches apart
  float share = 1.0F;
  std::int64_t begin_ns = 0, end_ns = 0;
};

/// One layer in the middle of the step, as long as the first stream is at it, and what the others
/// do meanwhile (which may be another layer). Sorted by stream and begin, cut at both ends, and
/// counted from its beginning. Empty where nothing was recorded.
std::vector<LaunchSpan> middle_layer(const Graph& graph, const std::vector<LaunchSpan>& launches);

/// Which nano-batch each launch is of, [spans], by its first row: 0, 1, ...
std::vector<int> nano_batches_of(const std::vector<LaunchSpan>& spans);

}  // namespace nanoflow
