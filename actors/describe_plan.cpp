#include "actors/describe_plan.hpp"

#include <cmath>

namespace nanoflow {
namespace {

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

wire::Json describe(const Schedule& schedule) {
  wire::Json row = {{"name", schedule.name}, {"nano_batches", schedule.nano_batches.size()}};
  for (const auto& stream : schedule.streams) row[stream] = 0.0;
  for (const auto& block : schedule.blocks)
    for (const auto& launched : block)
      row[schedule.streams[static_cast<std::size_t>(launched.stream)]] = rounded(launched.share);
  return row;
}

/// For each block and stream what is launched, in its order: "qkv 0, attention 0" and so on, with
/// the nano-batch.
void add_orders(wire::Json& rows, const Graph& graph, const Schedule& schedule) {
  for (std::size_t i = 0; i < graph.blocks.size(); ++i)
    for (int stream = 0; stream < std::ssize(schedule.streams); ++stream) {
      std::string launches;
      for (const auto& launched : schedule.blocks[i]) {
        if (launched.stream != stream) continue;
        const auto& operations = graph.blocks[i].operations;
        launches += launches.empty() ? "" : ", ";
        launches += operations[static_cast<std::size_t>(launched.operation)].name;
        if (schedule.nano_batches.size() > 1) launches += " " + std::to_string(launched.nano_begin);
      }
      rows.push_back({{"schedule", schedule.name},
                      {"block", graph.blocks[i].name},
                      {"stream", schedule.streams[static_cast<std::size_t>(stream)]},
                      {"launches", launches}});
    }
}

/// Why the schedule was chosen, or that it is not yet.
std::string reason(const ScheduleTable& table, const ScheduleTable::Entry& entry) {
  if (table.candidates().size() == 1) return "the only candidate: the device has one stream";
  if (!entry.decided) return "still being tried";
  return entry.best == 0 ? "no other was faster by more than noise" : "the fastest when tried";
}

wire::Json describe(const SignatureBucket& bucket) {
  return {{"tokens_up_to", bucket.tokens},
          {"decoding_up_to", bucket.decoding},
          {"mean_context_up_to", bucket.mean_context}};
}

wire::Json describe(const ScheduleTable& table, const SignatureBucket& bucket,
                    const ScheduleTable::Entry& entry) {
  wire::Json row = describe(bucket);
  row["chosen"] = table.candidates()[static_cast<std::size_t>(entry.best)].name;
  row["reason"] = reason(table, entry);
  std::uint64_t steps = 0;
  for (const auto& observed : entry.observed) steps += observed.steps;
  row["steps"] = steps;
  if (entry.decided) row["speed_of_sequential"] = rounded(entry.gain);
  return row;
}

/// What each candidate's steps took, beside sequential's of the same batches.
void add_tried(wire::Json& rows, const ScheduleTable& table, const SignatureBucket& bucket,
               const ScheduleTable::Entry& entry) {
  const double sequential = entry.observed.front().median();
  for (std::size_t i = 0; i < entry.observed.size(); ++i) {
    const auto& observed = entry.observed[i];
    if (observed.steps == 0 && observed.predicted_ms == 0) continue;
    wire::Json row = describe(bucket);
    row["schedule"] = table.candidates()[i].name;
    row["steps"] = observed.steps;
    if (observed.predicted_ms > 0) row["predicted_ms"] = rounded(observed.predicted_ms);
    if (observed.predicted_ms > 0)
      row["predicted_of_sequential"] =
          rounded(observed.predicted_ms / entry.observed.front().predicted_ms);
    if (observed.steps > 0) {
      row["mean_ms"] = rounded(observed.total_ms / static_cast<double>(observed.steps));
      if (sequential > 0) row["time_of_sequential"] = rounded(observed.median() / sequential);
    }
    row["dropped"] = observed.dropped;
    rows.push_back(std::move(row));
  }
}

}  // namespace

wire::Json describe_plan(const Graph& graph, const ScheduleTable& table, bool explained) {
  wire::Json plan = {{"schedules", wire::Json::array()}, {"batches", wire::Json::array()}};
  for (const auto& schedule : table.candidates()) plan["schedules"].push_back(describe(schedule));
  for (const auto& [bucket, entry] : table.entries())
    plan["batches"].push_back(describe(table, bucket, entry));
  if (!explained) return plan;
  for (const auto& [bucket, entry] : table.entries())
    add_tried(plan["tried"], table, bucket, entry);
  for (const auto& schedule : table.candidates()) add_orders(plan["orders"], graph, schedule);
  return plan;
}

}  // namespace nanoflow
