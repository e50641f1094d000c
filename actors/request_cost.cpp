#include "actors/request_cost.hpp"

#include <algorithm>

namespace nanoflow {
namespace {

StepShape shape_of(const Graph& graph, double weight_bytes, double kv_bytes, std::int64_t rows,
                   std::int64_t attended, std::int64_t context) {
  StepShape shape;
  shape.n_tokens = rows;
  shape.attended = attended;
  shape.context = context;
  shape.windowed_attended = std::min<std::int64_t>(attended, rows * graph.window);
  shape.windowed_context = std::min<std::int64_t>(context, rows - 1 + graph.window);
  shape.weight_bytes = weight_bytes;
  shape.kv_bytes = kv_bytes;
  return shape;
}

}  // namespace

wire::Cost request_cost(const Graph& graph, double weight_bytes, double kv_bytes,
                        const Finished& finished) {
  const auto rows = std::int64_t(finished.rows), attended = std::int64_t(finished.attended);
  if (rows == 0) return {0, 0, finished.page_seconds};
  const std::int64_t prompt = finished.prompt_tokens, cached = finished.cached_tokens;

  StepShape all = shape_of(graph, weight_bytes, kv_bytes, rows, attended, 0);
  all.n_sampled = finished.completion_tokens;

  // The prompt in one step: rows cached .. prompt, row i of which attends to i + 1 positions.
  const std::int64_t prompt_rows = std::min(prompt - cached, rows);
  const std::int64_t prompt_attended = std::min(prompt_rows * (cached + prompt + 1) / 2, attended);
  StepShape prefill = shape_of(graph, weight_bytes, kv_bytes, prompt_rows, prompt_attended, prompt);
  prefill.n_sampled = 1;
  wire::Cost cost = {graph.flops(all), graph.bytes(prefill), finished.page_seconds};

  const std::int64_t decode_rows = rows - prompt_rows;
  if (decode_rows == 0) return cost;
  const std::int64_t context = (attended - prompt_attended) / decode_rows;  // mean
  StepShape decode = shape_of(graph, weight_bytes, kv_bytes, 1, context, context);
  decode.n_sampled = 1;
  cost.bytes += double(decode_rows) * graph.bytes(decode);
  return cost;
}

}  // namespace nanoflow
