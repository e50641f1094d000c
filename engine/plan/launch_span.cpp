#include "engine/plan/launch_span.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <tuple>

namespace nanoflow {

std::vector<LaunchSpan> middle_layer(const Graph& graph, const std::vector<LaunchSpan>& launches) {
  const int middle = static_cast<int>(graph.layers.size()) / 2;
  std::int64_t begin = std::numeric_limits<std::int64_t>::max(), end = 0;
  for (const auto& launch : launches) {
    const bool in_layers = launch.block > 0 && launch.block < graph.epilogue_index();
    if (launch.stream != 0 || !in_layers || launch.layer != middle) continue;
    begin = std::min(begin, launch.begin_ns);
    end = std::max(end, launch.end_ns);
  }
  std::vector<LaunchSpan> spans;
  for (auto launch : launches) {
    launch.begin_ns = std::max(launch.begin_ns, begin) - begin;
    launch.end_ns = std::min(launch.end_ns, end) - begin;
    if (launch.begin_ns < launch.end_ns) spans.push_back(launch);
  }
  std::sort(spans.begin(), spans.end(), [](const auto& a, const auto& b) {
    return std::tie(a.stream, a.begin_ns) < std::tie(b.stream, b.begin_ns);
  });
  return spans;
}

std::vector<int> nano_batches_of(const std::vector<LaunchSpan>& spans) {
  std::set<int> begins;
  for (const auto& span : spans) begins.insert(span.row_begin);
  std::vector<int> nano_batches;
  for (const auto& span : spans)
    nano_batches.push_back(
        static_cast<int>(std::distance(begins.begin(), begins.find(span.row_begin))));
  return nano_batches;
}

}  // namespace nanoflow
