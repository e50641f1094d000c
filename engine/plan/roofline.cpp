#include "engine/plan/roofline.hpp"

#include <algorithm>

namespace nanoflow {

namespace {

/// n_times: how many layers are of this kind.
void add(StepNeeds& needs, const Block& block, const StepShape& shape, double n_times) {
  StepShape without_kv = shape;
  without_kv.context = without_kv.windowed_context = 0;
  for (const auto& operation : block.operations) {
    const double weight_bytes = operation.read_bytes(without_kv);
    if (operation.resource == Resource::compute) needs.flops += n_times * operation.flops(shape);
    needs.weight_bytes += n_times * weight_bytes;
    needs.kv_bytes += n_times * (operation.read_bytes(shape) - weight_bytes);
  }
}

}  // namespace

StepNeeds step_needs(const Graph& graph, const StepShape& shape) {
  StepNeeds needs;
  for (int kind = 0; kind < std::ssize(graph.blocks); ++kind) {
    const bool outside = kind == 0 || kind == graph.epilogue_index();
    const auto n_times = outside ? 1 : std::count(graph.layers.begin(), graph.layers.end(), kind);
    add(needs, graph.blocks[static_cast<std::size_t>(kind)], shape, static_cast<double>(n_times));
  }
  return needs;
}

double roofline_s(const StepNeeds& needs, const Peaks& peaks) {
  return std::max(needs.flops / peaks.flops_per_s, needs.weight_bytes / peaks.read_bytes_per_s) +
         needs.kv_bytes / peaks.read_bytes_per_s;
}

}  // namespace nanoflow
