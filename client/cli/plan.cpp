// nanoflow plan: the daemon's own schedules, or what other hardware would do.
#include <iostream>
#include <utility>

#include "client/cli/command.hpp"
#include "client/cli/plan_answer.hpp"
#include "client/cli/plan_simulate.hpp"
#include "client/cli/plan_timeline.hpp"
#include "client/cli/terminal.hpp"

namespace nanoflow::cli {
namespace {

constexpr std::size_t all_kinds = 1000;

/// What the schedules are for: the machine, where it has been measured, the model, and what ran.
void print_figures(const wire::Json& plan) {
  const auto figure = [](const wire::Json& of, const char* name) {
    return human_value(name, of.value(name, 0.0));
  };
  if (const auto peaks = plan.find("peaks"); peaks != plan.end())
    std::cout << "machine   " << figure(*peaks, "flops_per_s") << " with weights in "
              << peaks->value("weights", "?") << ", reads " << figure(*peaks, "read_bytes_per_s")
              << '\n';
  if (const auto costs = plan.find("costs"); costs != plan.end())
    std::cout << "model     " << figure(*costs, "row_flops") << " a row and "
              << figure(*costs, "sampled_row_flops") << " where a token is chosen, "
              << figure(*costs, "weight_bytes") << " of weights, "
              << figure(*costs, "kv_token_bytes") << " of keys and values a token\n";
  if (const auto ran = plan.find("ran"); ran != plan.end())
    std::cout << "so far    " << ran->value("steps", 0L) << " steps of " << ran->value("rows", 0L)
              << " rows in all; what was held against the machine needs at least "
              << figure(*ran, "roofline_seconds") << "\n\n";
}

void print_plan(const std::string& model, wire::Json plan) {
  if (!model.empty()) std::cout << "== " << model << " ==\n";
  // In a terminal the kind of batch that most steps were of; all are in the SVG.
  const auto charts = plan_timelines(plan, 1);
  print_figures(plan);
  for (const char* printed : {"timelines", "peaks", "costs", "ran"}) plan.erase(printed);
  print_report(std::cout, plan);
  for (const auto& chart : charts) {
    std::cout << '\n';
    print_timeline(std::cout, chart, terminal_columns());
  }
  if (!model.empty()) std::cout << '\n';
}

void draw(const std::string& path, const std::vector<std::pair<std::string, wire::Json>>& plans) {
  std::vector<Timeline> charts;
  for (const auto& [model, plan] : plans)
    for (auto& chart : plan_timelines(plan, all_kinds)) {
      if (!model.empty()) chart.title = model + ", " + chart.title;
      charts.push_back(std::move(chart));
    }
  if (charts.empty())
    throw std::runtime_error("nothing to draw: no step has run yet, or the device keeps no times");
  write_svg(path, charts);
}

}  // namespace

int plan_command(Invocation& invocation) {
  bool explain = false;
  SimulateOptions simulate;
  OptionSet options;
  options.flag("--explain", "say why, with predicted and observed times; draw what ran", explain);
  options.value("--svg", "FILE", "draw one layer of each schedule there", simulate.svg);
  add_simulate_options(options, simulate);
  const auto words = invocation.parse(options, 0, 1);
  if (!words.empty() && words[0] != "explain") throw UsageError("plan takes only the word explain");
  explain = explain || !words.empty();
  if (is_given(simulate)) {
    if (explain)
      throw UsageError("plan explain asks a daemon, --simulate does not: take one of them");
    return simulate_plan(simulate, invocation.json);
  }
  explain = explain || !simulate.svg.empty();
  const wire::Json answer = invocation.connect().request(wire::Plan{explain});
  const auto plans = plans_by_model(answer);
  if (!simulate.svg.empty()) draw(simulate.svg, plans);
  if (invocation.json) {
    print_json(answer);
    return exit_done;
  }
  for (const auto& [model, plan] : plans) print_plan(model, plan);
  return exit_done;
}

}  // namespace nanoflow::cli
