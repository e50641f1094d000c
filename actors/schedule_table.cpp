#include "actors/schedule_table.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace nanoflow {
namespace {

int bucket(int value) {
  return static_cast<int>(std::bit_ceil(static_cast<unsigned>(std::max(value, 0))));
}

}  // namespace

ScheduleTable::ScheduleTable(const Graph& graph, std::vector<std::string> streams)
    : streams_(std::move(streams)), blocks_(graph.blocks), chosen_(sequential_schedule(graph)) {}

void ScheduleTable::observe(const BatchSignature& signature, double ms) {
  auto& observed = observed_[{bucket(signature.n_tokens),
                              signature.n_decode == 0 ? 0 : bucket(signature.n_decode),
                              bucket(signature.mean_context)}];
  observed.least_ms = observed.steps == 0 ? ms : std::min(observed.least_ms, ms);
  observed.total_ms += ms;
  ++observed.steps;
}

wire::Json ScheduleTable::to_json(bool explained) const {
  wire::Json table = {
      {"streams", streams_},
      {"schedules", wire::Json::array(
                        {{{"name", chosen_.name}, {"nano_batches", chosen_.nano_batches.size()}}})},
      {"chosen", chosen_.name},
      {"reason", "the only candidate: one nano-batch, one operation after the other"},
  };
  if (explained) {
    table["order"] = order();
    table["observed"] = observed();
  }
  return table;
}

wire::Json ScheduleTable::order() const {
  wire::Json blocks = wire::Json::object();
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    auto& names = blocks[blocks_[i].name] = wire::Json::array();
    for (const auto& launched : chosen_.blocks[i])
      names.push_back(blocks_[i].operations[static_cast<std::size_t>(launched.operation)].name);
  }
  return blocks;
}

wire::Json ScheduleTable::observed() const {
  wire::Json rows = wire::Json::array();
  for (const auto& [bucket, observed] : observed_)
    rows.push_back({{"tokens_up_to", std::get<0>(bucket)},
                    {"decoding_up_to", std::get<1>(bucket)},
                    {"mean_context_up_to", std::get<2>(bucket)},
                    {"steps", observed.steps},
                    {"mean_ms", observed.total_ms / static_cast<double>(observed.steps)},
                    {"least_ms", observed.least_ms}});
  return rows;
}

}  // namespace nanoflow
