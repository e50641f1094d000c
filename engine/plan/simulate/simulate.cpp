#include "engine/plan/simulate/simulate.hpp"

#include <algorithm>

namespace nanoflow::simulate {

namespace {

/// All kinds of layers by these schedules, and what is outside of them.
Outcome outcome(const Simulation& simulation, std::vector<LayerSchedule> schedules) {
  Outcome result;
  result.seconds = simulation.outside;
  for (std::size_t kind = 0; kind < schedules.size(); ++kind) {
    const auto& layer = simulation.graph.layers[kind];
    const VirtualTime time(layer, simulation.profile, simulation.batch, schedules[kind]);
    result.seconds += time.run(layer.n_layers, false).seconds;
  }
  result.throughput = simulation.batch.n_tokens / (result.seconds * simulation.profile.devices);
  result.of_optimum = result.throughput / simulation.optimum;
  result.schedules = std::move(schedules);
  return result;
}

}  // namespace

const Outcome& Simulation::chosen() const {
  const Outcome* best = &sequential;
  for (const auto* other : {&nano_batched, &overlapped})
    if (!other->schedules.empty() && other->seconds < best->seconds) best = other;
  return *best;
}

Simulation simulate(DeviceProfile profile, const ModelConfig& model, const Workload& workload,
                    const ServingOptions& options) {
  if (options.devices > 0) profile.devices = options.devices;
  Simulation result;
  result.profile = std::move(profile);
  result.model = model;
  result.batch = steady_batch(result.profile, model, workload, options.max_batch);
  result.graph = device_graph(result.profile, model, result.batch);
  result.roofline = roofline(result.profile, model, result.batch);
  result.optimum = optimal_throughput(result.profile, model);
  const int rows = result.batch.n_tokens;
  for (const auto& operation : result.graph.outside)
    result.outside += seconds(operation, result.profile, result.batch, rows);
  result.bound = result.outside;

  std::vector<LayerSchedule> sequential, nano_batched, overlapped;
  for (const auto& layer : result.graph.layers) {
    result.bound += layer.n_layers * lower_bound(layer, result.profile, result.batch);
    sequential.push_back(one_stream(layer, "sequential", {rows}));
    if (rows < 2) continue;
    auto found = search_overlap(layer, result.profile, result.batch);
    result.n_tried += found.n_tried;
    nano_batched.push_back(one_stream(layer, "nano-batches alone", found.schedule.nano_rows));
    overlapped.push_back(std::move(found.schedule));
  }
  result.sequential = outcome(result, std::move(sequential));
  if (rows < 2) return result;  // one row cannot be cut
  result.nano_batched = outcome(result, std::move(nano_batched));
  result.overlapped = outcome(result, std::move(overlapped));
  return result;
}

TurnView steady_turn(const Simulation& simulation, const Outcome& outcome, int kind) {
  const auto& layer = simulation.graph.layers[kind];
  const VirtualTime time(layer, simulation.profile, simulation.batch, outcome.schedules[kind]);
  constexpr int shown = 5;
  const auto timeline = time.run(shown + 4, true);
  // The turn of a layer begins where the compute stream launches the order's first operation.
  const auto begin_of = [&](int turn) {
    for (const auto& span : timeline.spans)
      if (span.launch == 0 && span.layer == turn) return span.begin;
    return 0.0;
  };
  const double begin = begin_of(shown), end = begin_of(shown + 1);
  TurnView view;
  view.seconds = end - begin;
  for (auto slice : timeline.slices) {
    if (slice.end <= begin || slice.begin >= end) continue;
    slice.begin = std::max(slice.begin, begin) - begin;
    slice.end = std::min(slice.end, end) - begin;
    view.slices.push_back(slice);
  }
  return view;
}

}  // namespace nanoflow::simulate
