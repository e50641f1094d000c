// What one request cost, by the graph's count.
#pragma once
#include "client/protocol.hpp"
#include "engine/batch/request.hpp"
#include "engine/plan/graph.hpp"

namespace nanoflow {

/// FLOPs: of the rows that were really computed. Bytes: those of a request alone, which reads every
/// weight once for its prompt and once for each further row; others in the same batch share that
/// reading, so the sum over requests is what batching saved.
wire::Cost request_cost(const Graph& graph, double weight_bytes, double kv_bytes,
                        const Finished& finished);

}  // namespace nanoflow
