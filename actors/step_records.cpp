#include "actors/step_records.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace nanoflow {
namespace {

constexpr std::size_t most_kinds = 8;  // of batches that are drawn

/// Tenths of a microsecond are more than a clock is good for.
double us(std::int64_t ns) {
  return std::round(static_cast<double>(ns) / 100) / 10;
}

std::uint64_t n_steps(const ScheduleTable::Entry& entry) {
  std::uint64_t steps = 0;
  for (const auto& observed : entry.observed) steps += observed.steps;
  return steps;
}

/// What the chosen schedule is to be seen beside.
int rival(const ScheduleTable::Entry& entry) {
  if (entry.best != 0) return 0;
  int best = 0;
  for (int i = 1; i < std::ssize(entry.observed); ++i) {
    const auto& other = entry.observed[static_cast<std::size_t>(i)];
    if (other.costs.empty()) continue;
    if (best == 0 || other.median() < entry.observed[static_cast<std::size_t>(best)].median())
      best = i;
  }
  return best;
}

}  // namespace

bool StepRecords::add(const StepShape& shape, const BatchSignature& signature, int candidate) {
  const StepNeeds needs = step_needs(model_.graph, shape);
  ++n_steps_;
  n_rows_ += shape.n_tokens;
  n_sampled_rows_ += shape.n_sampled;
  needs_.flops += needs.flops;
  needs_.weight_bytes += needs.weight_bytes;
  needs_.kv_bytes += needs.kv_bytes;
  if (peaks_.known()) roofline_s_ += roofline_s(needs, peaks_);
  return std::has_single_bit(++n_ended_[{bucket_of(signature), candidate}]);
}

void StepRecords::keep(const BatchSignature& signature, int candidate, double ms,
                       const std::vector<LaunchSpan>& launches) {
  auto layer = middle_layer(model_.graph, launches);
  if (!layer.empty()) drawn_[{bucket_of(signature), candidate}] = {signature, ms, std::move(layer)};
}

void StepRecords::describe(wire::Json& plan, const ScheduleTable& table, bool explained) const {
  if (peaks_.known())
    plan["peaks"] = {{"weights", model_.weights},
                     {"flops_per_s", peaks_.flops_per_s},
                     {"read_bytes_per_s", peaks_.read_bytes_per_s}};
  StepShape row, sampled;
  row.weight_bytes = sampled.weight_bytes = model_.weight_bytes;
  row.kv_bytes = model_.kv_bytes;
  row.n_tokens = row.context = row.windowed_context = 1;
  sampled.n_sampled = 1;
  const StepNeeds of_row = step_needs(model_.graph, row);
  const StepNeeds of_sampled = step_needs(model_.graph, sampled);
  plan["costs"] = {{"row_flops", of_row.flops},
                   {"sampled_row_flops", of_sampled.flops},
                   {"weight_bytes", of_row.weight_bytes + of_sampled.weight_bytes},
                   {"kv_token_bytes", of_row.kv_bytes}};
  plan["ran"] = {{"steps", n_steps_},
                 {"rows", n_rows_},
                 {"sampled_rows", n_sampled_rows_},
                 {"flops", needs_.flops},
                 {"weight_bytes", needs_.weight_bytes},
                 {"kv_bytes", needs_.kv_bytes},
                 {"roofline_seconds", roofline_s_}};
  if (!explained) return;
  using Entry = std::pair<const SignatureBucket, ScheduleTable::Entry>;
  std::vector<const Entry*> busiest;
  for (const auto& entry : table.entries()) busiest.push_back(&entry);
  std::stable_sort(busiest.begin(), busiest.end(), [](const auto* a, const auto* b) {
    return n_steps(a->second) > n_steps(b->second);
  });
  busiest.resize(std::min(busiest.size(), most_kinds));
  auto& rows = plan["timelines"] = wire::Json::array();
  for (const auto* entry : busiest) describe_timelines(rows, table, entry->first, entry->second);
}

void StepRecords::describe_timelines(wire::Json& rows, const ScheduleTable& table,
                                     const SignatureBucket& bucket,
                                     const ScheduleTable::Entry& entry) const {
  const int other = rival(entry);
  for (const int candidate : {std::min(entry.best, other), std::max(entry.best, other)}) {
    const auto found = drawn_.find({bucket, candidate});
    if (found == drawn_.end()) continue;
    wire::Json row = {{"schedule", table.candidates()[static_cast<std::size_t>(candidate)].name},
                      {"chosen", candidate == entry.best}};
    row.update(describe(found->first, found->second));
    rows.push_back(std::move(row));
    if (entry.best == other) break;
  }
}

wire::Json StepRecords::describe(const Key& key, const Drawn& drawn) const {
  auto bars = wire::Json::array();
  std::int64_t end_ns = 0;
  const auto nano_batches = nano_batches_of(drawn.layer);
  for (std::size_t i = 0; i < drawn.layer.size(); ++i) {
    const LaunchSpan& span = drawn.layer[i];
    end_ns = std::max(end_ns, span.end_ns);
    bars.push_back({{"stream", model_.streams.at(static_cast<std::size_t>(span.stream))},
                    {"operation", to_string(span.kind)},
                    {"nano_batch", nano_batches[i]},
                    {"begin_us", us(span.begin_ns)},
                    {"end_us", us(span.end_ns)},
                    {"share", std::round(span.share * 1000) / 1000},
                    {"bound_by", bound_by(span.kind)}});
  }
  return {{"tokens_up_to", key.first.tokens},
          {"decoding_up_to", key.first.decoding},
          {"mean_context_up_to", key.first.mean_context},
          {"rows", drawn.signature.n_tokens},
          {"decoding", drawn.signature.n_decode},
          {"step_ms", std::round(drawn.ms * 1000) / 1000},
          {"layers", model_.graph.layers.size()},
          {"layer_us", us(end_ns)},
          {"bars", std::move(bars)}};
}

std::string StepRecords::bound_by(OperationKind kind) const {
  for (const auto& block : model_.graph.blocks)
    for (const auto& operation : block.operations)
      if (operation.kind == kind)
        return operation.resource == Resource::compute ? "compute" : "memory";
  return "memory";
}

}  // namespace nanoflow
