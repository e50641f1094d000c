#include "client/cli/plan_timeline.hpp"

#include <algorithm>

#include "client/cli/terminal.hpp"

namespace nanoflow::cli {
namespace {

std::string title(const wire::Json& row) {
  return format(
      "%s, %s: one layer of %d as it ran, %.0f us of a step of %.1f ms with %d rows, of which %d "
      "decode",
      row.at("schedule").get<std::string>().c_str(),
      row.at("chosen").get<bool>() ? "chosen" : "not chosen", row.at("layers").get<int>(),
      row.at("layer_us").get<double>(), row.at("step_ms").get<double>(), row.at("rows").get<int>(),
      row.at("decoding").get<int>());
}

TimelineLane& lane(Timeline& timeline, const std::string& stream) {
  for (auto& known : timeline.lanes)
    if (known.name == stream) return known;
  return timeline.lanes.emplace_back(TimelineLane{stream, {}});
}

Timeline timeline_of(const wire::Json& row) {
  Timeline timeline;
  timeline.title = title(row);
  timeline.seconds = row.at("layer_us").get<double>() * 1e-6;
  int n_nano_batches = 1;
  for (const auto& bar : row.at("bars")) {
    const int nano = bar.at("nano_batch");
    n_nano_batches = std::max(n_nano_batches, nano + 1);
    lane(timeline, bar.at("stream"))
        .bars.push_back({bar.at("begin_us").get<double>() * 1e-6,
                         bar.at("end_us").get<double>() * 1e-6, bar.at("operation"), nano,
                         bar.at("share"), bar.at("bound_by") == "compute" ? 0 : 1});
  }
  for (int nano = 1; nano <= n_nano_batches; ++nano)
    timeline.nano_batches.push_back("nano-batch " + std::to_string(nano));
  return timeline;
}

}  // namespace

std::vector<Timeline> plan_timelines(const wire::Json& plan, std::size_t kinds) {
  std::vector<Timeline> timelines;
  std::vector<wire::Json> seen;
  for (const auto& row : plan.value("timelines", wire::Json::array())) {
    const wire::Json kind = {row.at("tokens_up_to"), row.at("decoding_up_to"),
                             row.at("mean_context_up_to")};
    if (seen.empty() || seen.back() != kind) seen.push_back(kind);
    if (seen.size() > kinds) break;
    timelines.push_back(timeline_of(row));
  }
  return timelines;
}

}  // namespace nanoflow::cli
