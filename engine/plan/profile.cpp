#include "engine/plan/profile.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "engine/plan/schedule.hpp"

namespace nanoflow {

namespace {

constexpr double alone_ms = 4, beside_ms = 8;  // that a probe is to take
constexpr int few_launches = 2, most_launches = 2000;
constexpr int peak_trials = 5;   // the best counts: others may use the machine
constexpr int beside_rows = 64;  // of each of two operations that run beside each other
constexpr int decode_context = 256;

/// Worth measuring: the rest takes next to no time, or cannot be run on made-up rows.
bool is_probed(OperationKind kind) {
  switch (kind) {
    case OperationKind::embed:
    case OperationKind::rope_store:
    case OperationKind::route:
    case OperationKind::experts:
    case OperationKind::gather:
    case OperationKind::sample:
      return false;
    default:
      return true;
  }
}

std::vector<OperationKind> probed_kinds(const Graph& graph) {
  std::set<OperationKind> kinds;
  for (const auto& block : graph.blocks)
    for (const auto& operation : block.operations)
      if (is_probed(operation.kind)) kinds.insert(operation.kind);
  return {kinds.begin(), kinds.end()};
}

std::set<float> probed_shares(int n_cpus) {
  if (n_cpus < 4) return {0.5F, 1.0F};
  return {share_of_cpus(0.25F, n_cpus), share_of_cpus(0.5F, n_cpus), share_of_cpus(0.75F, n_cpus),
          1.0F};
}

}  // namespace

void Profile::add(OperationKind kind, float share, double size, double ms) {
  auto& points = times_[{kind, share}];
  const auto place =
      std::lower_bound(points.begin(), points.end(), size,
                       [](const Point& p, double wanted) { return p.size < wanted; });
  if (place != points.end() && place->size == size)
    place->ms = std::min(place->ms, ms);
  else
    points.insert(place, {size, ms});
}

void Profile::add_keeps(OperationKind kind, OperationKind beside, double part) {
  auto& keeps = keeps_[{kind, beside}];
  keeps = std::max(keeps, std::clamp(part, 0.05, 1.0));
}

void Profile::add_peaks(const Peaks& peaks) {
  peaks_.flops_per_s = std::max(peaks_.flops_per_s, peaks.flops_per_s);
  peaks_.read_bytes_per_s = std::max(peaks_.read_bytes_per_s, peaks.read_bytes_per_s);
}

double Profile::launch_ms(OperationKind kind, float share, double size) const {
  const std::vector<Point>* points = nullptr;
  float nearest = 2;
  for (const auto& [key, measured] : times_) {
    if (key.first != kind || std::abs(key.second - share) >= nearest) continue;
    nearest = std::abs(key.second - share);
    points = &measured;
  }
  if (points == nullptr) return 0;
  const auto& first = points->front();
  if (size <= first.size || points->size() == 1) return first.ms;
  auto above = std::lower_bound(points->begin(), points->end(), size,
                                [](const Point& p, double wanted) { return p.size < wanted; });
  if (above == points->end()) --above;
  const auto& below = *(above - 1);
  const double slope = std::max(0.0, (above->ms - below.ms) / (above->size - below.size));
  return below.ms + slope * (size - below.size);
}

double Profile::keeps(OperationKind kind, OperationKind beside) const {
  const auto found = keeps_.find({kind, beside});
  return found == keeps_.end() ? 1.0 : found->second;
}

Profiler::Profiler(const Graph& graph, int n_cpus, const ProbeLimits& limits) {
  const auto probe_peaks = [&] {
    using Peak = ProbeLoad::Peak;
    for (int trial = 0; limits.peaks && trial < peak_trials; ++trial)
      for (const auto peak : {Peak::products, Peak::reading})
        probes_.push_back({{.n_launches = 1, .peak = peak}});
  };
  probe_peaks();
  if (limits.n_streams < 2) return;
  const auto kinds = probed_kinds(graph);
  const auto most = [&](OperationKind kind) {
    return kind == OperationKind::lm_head ? std::min(limits.max_rows, limits.max_sampled)
                                          : limits.max_rows;
  };
  for (const auto kind : kinds)
    for (const float share : probed_shares(n_cpus)) {
      // Twice, since the first time nobody knows how many take how long.
      probes_.push_back({{kind, 1, decode_context, share, few_launches}});
      for (const int rows : {1, 4, 16, 64, 256})
        if (rows <= most(kind))  // the best of two: others may use the machine
          probes_.insert(probes_.end(), 2, {{kind, rows, decode_context, share, 0}});
    }
  const int rows = std::min({beside_rows, limits.max_rows / 2, limits.max_sampled / 2});
  for (std::size_t a = 0; a < kinds.size(); ++a)
    for (std::size_t b = a; b < kinds.size(); ++b)
      probes_.insert(
          probes_.end(), 2,
          {{kinds[a], rows, decode_context, 0.5F, 0}, {kinds[b], rows, decode_context, 0.5F, 0}});
  probe_peaks();  // once more, a few seconds later: others may have used the machine before
}

std::optional<Probe> Profiler::next() const {
  if (at_ == probes_.size()) return std::nullopt;
  auto probe = probes_[at_];
  for (auto& load : probe) {
    if (load.n_launches > 0) continue;
    const double ms = profile_.launch_ms(load.kind, load.share, probe_size(load));
    const double wanted = probe.size() == 1 ? alone_ms : beside_ms;
    load.n_launches = static_cast<int>(
        std::clamp(std::ceil(wanted / std::max(ms, 1e-6)), 1.0, double(most_launches)));
  }
  return probe;
}

void Profiler::add_peak(const ProbeLoad& load, const ProgramTimeline& timeline) {
  const double seconds = std::max(timeline.busy_ms() * 1e-3, 1e-9);
  if (load.peak == ProbeLoad::Peak::products)
    profile_.add_peaks({timeline.flops / seconds, 0});
  else
    profile_.add_peaks({0, timeline.bytes / seconds});
}

void Profiler::add(const std::vector<ProgramTimeline>& timelines) {
  const auto probe = next().value();
  ++at_;
  if (probe.front().peak != ProbeLoad::Peak::none) return add_peak(probe.front(), timelines.at(0));
  std::vector<double> ms;
  for (const auto& timeline : timelines) ms.push_back(timeline.busy_ms());
  if (probe.size() == 1) {
    const auto& load = probe.front();
    profile_.add(load.kind, load.share, probe_size(load), ms.at(0) / load.n_launches);
    return;
  }
  const auto alone = [&](const ProbeLoad& load) {
    return load.n_launches * profile_.launch_ms(load.kind, load.share, probe_size(load));
  };
  // The one that ends first had the other beside it all the time; the other, that long.
  const int first = ms.at(0) <= ms.at(1) ? 0 : 1, last = 1 - first;
  const auto &short_load = probe[first], &long_load = probe[last];
  const double together = std::max(ms[first], 1e-6);
  double short_keeps = alone(short_load) / together;
  double long_keeps = (alone(long_load) - (ms[last] - ms[first])) / together;
  if (short_load.kind == long_load.kind) short_keeps = long_keeps = (short_keeps + long_keeps) / 2;
  profile_.add_keeps(short_load.kind, long_load.kind, short_keeps);
  profile_.add_keeps(long_load.kind, short_load.kind, long_keeps);
}

}  // namespace nanoflow
