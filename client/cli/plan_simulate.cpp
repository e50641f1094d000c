#include "client/cli/plan_simulate.hpp"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "client/cli/command.hpp"
#include "client/cli/terminal.hpp"
#include "client/cli/timeline.hpp"
#include "client/suggest.hpp"
#include "engine/plan/simulate/model_shape.hpp"
#include "engine/plan/simulate/simulate.hpp"

namespace nanoflow::cli {
namespace {

using namespace simulate;

bool is_path(const std::string& text) {
  return text.find('/') != std::string::npos || text.find('.') != std::string::npos;
}

/// Throws UsageError that lists the names, for a word that is neither a name nor a path.
void check_name(const char* option, const std::string& word,
                const std::vector<std::string_view>& names, const char* or_path) {
  if (is_path(word) || std::filesystem::exists(word)) return;
  std::string lower = word, list;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return char(std::tolower(letter)); });
  for (const auto name : names) {
    if (name == lower) return;
    list += std::string(name) + ", ";
  }
  throw UsageError(std::string(option) + " needs " + list + or_path + ", got " + in_quotes(word) +
                   did_you_mean(lower, names));
}

Workload parse_workload(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos)
    throw UsageError("--workload needs IN:OUT, tokens of a prompt and of its answer, got " +
                     in_quotes(text));
  constexpr wire::Range range{1, 10'000'000};
  return {int(parse_integer("--workload's IN", text.substr(0, colon), range)),
          int(parse_integer("--workload's OUT", text.substr(colon + 1), range))};
}

Simulation run(const SimulateOptions& options) {
  if (options.profile.empty()) throw UsageError("these options need --simulate PROFILE");
  if (options.model.empty()) throw UsageError("--simulate needs --model SHAPE");
  if (options.workload.empty()) throw UsageError("--simulate needs --workload IN:OUT");
  const Workload workload = parse_workload(options.workload);
  std::vector<std::string_view> profiles;
  for (const auto& profile : built_in_profiles()) profiles.push_back(profile.name);
  check_name("--simulate", options.profile, profiles, "or the path of a TOML file");
  check_name("--model", options.model, shape_names(),
             "or the path of a GGUF file or of a config.json");
  return simulate::simulate(load_profile(options.profile), find_shape(options.model), workload,
                            {options.devices.value_or(0), options.batch.value_or(0)});
}

struct Named {
  const char* name;
  const Outcome* outcome;
};
std::vector<Named> outcomes(const Simulation& simulation) {
  std::vector<Named> all = {{"sequential", &simulation.sequential}};
  if (simulation.overlapped.schedules.empty()) return all;
  all.push_back({"nano-batches alone", &simulation.nano_batched});
  all.push_back({"overlapped", &simulation.overlapped});
  return all;
}

const char* bounding_resource(const Roofline& roofline) {
  if (roofline.network > std::max(roofline.compute, roofline.memory)) return "network";
  return roofline.memory > roofline.compute ? "memory" : "compute";
}

int resource_of(const DeviceOperation& operation) {
  switch (operation.kind) {
    case DeviceOperation::Kind::gemm:
    case DeviceOperation::Kind::prefill_attention:
      return 0;
    case DeviceOperation::Kind::decode_attention:
    case DeviceOperation::Kind::element_wise:
      return 1;
    case DeviceOperation::Kind::network:
      return 2;
  }
  return 0;
}

/// One layer of the kind that most layers are of.
Timeline timeline_of(const Simulation& simulation, const Outcome& outcome) {
  const auto& layers = simulation.graph.layers;
  const auto most = std::max_element(
      layers.begin(), layers.end(),
      [](const auto& one, const auto& other) { return one.n_layers < other.n_layers; });
  const int kind = int(most - layers.begin());
  const auto& schedule = outcome.schedules[std::size_t(kind)];
  const TurnView view = steady_turn(simulation, outcome, kind);
  Timeline timeline;
  timeline.seconds = view.seconds;
  timeline.title = "one layer of " + std::to_string(simulation.model.n_layers) + ", " +
                   schedule.name + format(": %.2f ms", view.seconds * 1000);
  for (const int rows : schedule.nano_rows)
    timeline.nano_batches.push_back("nano-batch of " + std::to_string(rows) + " rows");
  const bool one_stream = &outcome != &simulation.overlapped;
  for (const char* name : {one_stream ? "all" : "compute", "memory", "network"})
    timeline.lanes.push_back({name, {}});
  for (const auto& slice : view.slices)
    for (std::size_t stream = 0; stream < n_streams; ++stream) {
      if (slice.launch[stream] < 0) continue;
      const auto& launch = schedule.launches[std::size_t(slice.launch[stream])];
      const auto& operation = most->operations[std::size_t(launch.operation)];
      timeline.lanes[stream].bars.push_back({slice.begin, slice.end, operation.name, launch.nano,
                                             slice.share[stream], resource_of(operation)});
    }
  return timeline;
}

wire::Json json_of(const Timeline& timeline) {
  wire::Json bars = wire::Json::array();
  for (const auto& lane : timeline.lanes)
    for (const auto& bar : lane.bars)
      bars.push_back({{"stream", lane.name},
                      {"operation", bar.operation},
                      {"nano_batch", bar.nano},
                      {"begin_us", bar.begin * 1e6},
                      {"end_us", bar.end * 1e6},
                      {"share", bar.share}});
  return {{"layer_us", timeline.seconds * 1e6}, {"bars", bars}};
}

wire::Json json_of(const Simulation& simulation) {
  const auto& batch = simulation.batch;
  wire::Json schedules = wire::Json::array();
  for (const auto& [name, outcome] : outcomes(simulation)) {
    wire::Json rows = wire::Json::array();
    for (const auto& schedule : outcome->schedules) rows.push_back(schedule.nano_rows);
    schedules.push_back({{"name", name},
                         {"iteration_ms", outcome->seconds * 1000},
                         {"tokens_per_s_per_device", outcome->throughput},
                         {"share_of_optimum", outcome->of_optimum},
                         {"nano_batch_rows", rows},
                         {"chosen", outcome == &simulation.chosen()}});
  }
  return {{"profile", simulation.profile.name},
          {"devices", simulation.profile.devices},
          {"model", simulation.model.name},
          {"workload", {{"in", batch.workload.input}, {"out", batch.workload.output}}},
          {"batch",
           {{"rows", batch.n_tokens},
            {"decode_rows", batch.n_decode},
            {"prefill_rows", batch.n_prefill},
            {"decode_context", batch.decode_context},
            {"memory_limit_rows", batch.memory_limit}}},
          {"bound_by", bounding_resource(simulation.roofline)},
          {"roofline_ms",
           {{"compute", simulation.roofline.compute * 1000},
            {"memory", simulation.roofline.memory * 1000},
            {"network", simulation.roofline.network * 1000}}},
          {"optimum_tokens_per_s_per_device", simulation.optimum},
          {"lower_bound_ms", simulation.bound * 1000},
          {"schedules", schedules},
          {"schedules_tried", simulation.n_tried},
          {"timeline", json_of(timeline_of(simulation, simulation.chosen()))}};
}

void print_question(std::ostream& out, const Simulation& simulation) {
  const auto& profile = simulation.profile;
  const auto& batch = simulation.batch;
  const auto& roofline = simulation.roofline;
  out << simulation.model.name << " on " << profile.devices << " x " << profile.description << ", "
      << batch.workload.input << " tokens in and " << batch.workload.output << " out\n\n";
  out << format(
      "batch      %d row%s: %.4g sequences decode at %.4g tokens of context, %.4g rows of "
      "prompts\n",
      batch.n_tokens, batch.n_tokens == 1 ? "" : "s", batch.n_decode, batch.decode_context,
      batch.n_prefill);
  out << format("memory     enough for the sequences of %d rows\n", batch.memory_limit);
  out << format(
      "bound by   %s: at nominal speed %.1f ms of compute, %.1f of memory, %.1f of "
      "network\n",
      bounding_resource(roofline), roofline.compute * 1000, roofline.memory * 1000,
      roofline.network * 1000);
  out << format("iteration  %.4g ms, the best of %d schedules; none can be below %.4g ms\n\n",
                simulation.chosen().seconds * 1000, simulation.n_tried + 2,
                simulation.bound * 1000);
}

void print_answer(std::ostream& out, const Simulation& simulation) {
  out << "SCHEDULE            ITERATION   TOKENS/S/DEVICE   OF OPTIMUM\n";
  out << format("%-20s%9s   %15.0f   %9.1f%%\n", "optimum", "", simulation.optimum, 100.0);
  for (const auto& [name, outcome] : outcomes(simulation))
    out << format("%-20s%6.4g ms   %15.0f   %9.1f%%%s\n", name, outcome->seconds * 1000,
                  outcome->throughput, outcome->of_optimum * 100,
                  outcome == &simulation.chosen() ? "   chosen" : "");
  out << '\n';
}

void draw(const std::string& path, const Simulation& simulation) {
  const auto& chosen = simulation.chosen();
  std::vector<Timeline> charts;
  if (&chosen != &simulation.sequential)
    charts.push_back(timeline_of(simulation, simulation.sequential));
  charts.push_back(timeline_of(simulation, chosen));
  for (auto& chart : charts) chart.title = simulation.model.name + ", " + chart.title;
  write_svg(path, charts);
}

}  // namespace

void add_simulate_options(OptionSet& options, SimulateOptions& target) {
  constexpr wire::Range count{1, 1'000'000};
  options.heading("For hardware one does not have, without a daemon");
  options.value("--simulate", "PROFILE", "a100-80g-sxm-x8, h200, or the path of a TOML file",
                target.profile);
  options.value("--model", "SHAPE", "llama-2-70b, ..., or the path of a GGUF file or config.json",
                target.model);
  options.value("--workload", "IN:OUT", "tokens of a prompt and of its answer", target.workload);
  options.value("--devices", "N", "cut the model over so many devices, not the profile's number",
                target.devices, count);
  options.value("--batch", "N", "rows of an iteration (2048, 4096 for mixtures of experts)",
                target.batch, count);
}

bool is_given(const SimulateOptions& options) {
  return !(options.profile.empty() && options.model.empty() && options.workload.empty()) ||
         options.devices || options.batch;
}

int simulate_plan(const SimulateOptions& options, bool json) {
  const Simulation simulation = run(options);
  if (!options.svg.empty()) draw(options.svg, simulation);
  if (json) {
    print_json(json_of(simulation));
    return exit_done;
  }
  std::ostringstream report;
  print_question(report, simulation);
  print_answer(report, simulation);
  print_timeline(report, timeline_of(simulation, simulation.chosen()), terminal_columns());
  print_text(report.str());
  return exit_done;
}

}  // namespace nanoflow::cli
