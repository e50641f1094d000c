#include "actors/trace_events.hpp"

#include <algorithm>
#include <map>

namespace nanoflow {
namespace {

constexpr int process = 1;

wire::Json bar(std::string_view name, int lane, double begin_us, double length_us) {
  return {{"name", name}, {"ph", "X"},      {"pid", process},
          {"tid", lane},  {"ts", begin_us}, {"dur", length_us}};
}

wire::Json lane_name(const std::string& stream, int lane) {
  return {{"name", "thread_name"},
          {"ph", "M"},
          {"pid", process},
          {"tid", lane},
          {"args", {{"name", stream}}}};
}

/// A program adds up its time by kind of operation, over all layers: the bars stand in the order of
/// the kinds, not of the launches; what it waited for other streams comes last.
void add_kinds(wire::Json& events, const ProgramTimeline& program, int lane, double begin_us) {
  for (int kind = 0; kind < n_operation_kinds; ++kind) {
    const double length_us = double(program.kind_ns[std::size_t(kind)]) / 1000;
    if (length_us <= 0) continue;
    events.push_back(bar(to_string(OperationKind(kind)), lane, begin_us, length_us));
    begin_us += length_us;
  }
  if (program.wait_ns > 0)
    events.push_back(bar("wait", lane, begin_us, double(program.wait_ns) / 1000));
}

/// Per second, while it ran.
double rate(double amount, const ProgramTimeline& program) {
  return amount * 1e9 / double(std::max<std::int64_t>(program.end_ns - program.start_ns, 1));
}

}  // namespace

wire::Json trace_events(const StreamTimelines& timelines) {
  auto events = wire::Json::array();
  std::map<std::string, int> lanes;
  for (const StreamTimeline& timeline : timelines) {
    const auto [lane, is_new] = lanes.emplace(timeline.stream, int(lanes.size()) + 1);
    if (is_new) events.push_back(lane_name(timeline.stream, lane->second));
    const ProgramTimeline& program = timeline.timeline;
    const double begin_us = double(program.start_ns - timelines.front().timeline.start_ns) / 1000;
    auto step = bar("step " + std::to_string(program.step), lane->second, begin_us,
                    double(program.end_ns - program.start_ns) / 1000);
    step["args"] = {{"model", timeline.model},
                    {"flops", program.flops},
                    {"bytes", program.bytes},
                    {"flops_per_s", rate(program.flops, program)},
                    {"bytes_per_s", rate(program.bytes, program)}};
    events.push_back(std::move(step));
    add_kinds(events, program, lane->second, begin_us);
  }
  return {{"traceEvents", events},
          {"displayTimeUnit", "ms"},
          {"truncated", timelines.size() >= max_traced_programs}};
}

}  // namespace nanoflow
