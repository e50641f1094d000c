#include "actors/describe_plan.hpp"

#include <cmath>

namespace nanoflow {
namespace {

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

/// "qkv 0-1" and so on, by stream, for each block.
wire::Json order_of(const Graph& graph, const Schedule& schedule) {
  wire::Json blocks = wire::Json::object();
  for (std::size_t i = 0; i < graph.blocks.size(); ++i) {
    auto& streams = blocks[graph.blocks[i].name] = wire::Json::object();
    for (const auto& launched : schedule.blocks[i]) {
      const auto& operation = graph.blocks[i].operations[static_cast<std::size_t>(launched.operation)];
      auto& launches = streams[schedule.streams[static_cast<std::size_t>(launched.stream)]];
      std::string name = operation.name;
      if (schedule.nano_batches.size() > 1) name += " " + std::to_string(launched.nano_begin);
      launches.push_back(name);
    }
  }
  return blocks;
}

wire::Json describe(const Graph& graph, const Schedule& schedule, bool explained) {
  wire::Json shares = wire::Json::object();
  for (const auto& block : schedule.blocks)
    for (const auto& launched : block)
      shares[schedule.streams[static_cast<std::size_t>(launched.stream)]] = launched.share;
  wire::Json description = {{"name", schedule.name},
                            {"nano_batches", schedule.nano_batches.size()},
                            {"shares", shares}};
  if (explained) description["order"] = order_of(graph, schedule);
  return description;
}

/// Why the schedule was chosen, or that it is not yet.
std::string reason(const ScheduleTable& table, const ScheduleTable::Entry& entry) {
  if (table.candidates().size() == 1) return "the only candidate: the device has one stream";
  if (!entry.decided) return "still being tried";
  return entry.best == 0 ? "no other was faster by more than noise" : "the fastest when tried";
}

wire::Json describe(const ScheduleTable& table, const SignatureBucket& bucket,
                    const ScheduleTable::Entry& entry, bool explained) {
  const auto& best = entry.observed[static_cast<std::size_t>(entry.best)];
  wire::Json row = {{"tokens_up_to", bucket.tokens},
                    {"decoding_up_to", bucket.decoding},
                    {"mean_context_up_to", bucket.mean_context},
                    {"chosen", table.candidates()[static_cast<std::size_t>(entry.best)].name}};
  const double sequential = entry.observed.front().median();
  if (entry.decided && best.median() > 0)
    row["speed_of_sequential"] = rounded(sequential / best.median());
  std::uint64_t steps = 0;
  for (const auto& observed : entry.observed) steps += observed.steps;
  row["steps"] = steps;
  if (!explained) return row;
  row["reason"] = reason(table, entry);
  auto& tried = row["tried"] = wire::Json::array();
  for (std::size_t i = 0; i < entry.observed.size(); ++i) {
    const auto& observed = entry.observed[i];
    if (observed.steps == 0) continue;
    tried.push_back({{"schedule", table.candidates()[i].name},
                     {"steps", observed.steps},
                     {"mean_ms", rounded(observed.total_ms / static_cast<double>(observed.steps))},
                     {"time_of_sequential",
                      sequential > 0 ? rounded(observed.median() / sequential) : 0.0},
                     {"dropped", observed.dropped}});
  }
  return row;
}

}  // namespace

wire::Json describe_plan(const Graph& graph, const ScheduleTable& table, bool explained) {
  wire::Json plan = {{"schedules", wire::Json::array()}, {"batches", wire::Json::array()}};
  for (const auto& schedule : table.candidates())
    plan["schedules"].push_back(describe(graph, schedule, explained));
  for (const auto& [bucket, entry] : table.entries())
    plan["batches"].push_back(describe(table, bucket, entry, explained));
  return plan;
}

}  // namespace nanoflow
