#include "engine/plan/simulate/schedule_search.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace nanoflow::simulate {

namespace {

using Kind = DeviceOperation::Kind;
constexpr int n_kept = 24;                                  // candidates whose shares are refined
constexpr std::array memory_shares = {0.2, 0.4, 0.6, 0.8};  // where curves bend
constexpr std::array network_shares = {0.1, 0.2, 0.4};
constexpr double share_step = 1.0 / share_steps;
constexpr double least_share = share_step, most_shares = 1 - share_step + 1e-9;
constexpr int most_cuts = 32;

/// beside: element-wise operations that can run beside another nano-batch's products do.
Stream stream_of(const DeviceOperation& operation, bool beside) {
  if (operation.kind == Kind::network) return network_stream;
  if (operation.kind == Kind::decode_attention) return memory_stream;
  return beside && operation.may_run_beside ? memory_stream : compute_stream;
}

/// Operations that the compute stream launches without waiting for another stream in between.
using Segment = std::vector<int>;

std::vector<Segment> segments(const DeviceLayer& layer, bool beside) {
  std::vector<Segment> result;
  for (int index = 0; index < std::ssize(layer.operations); ++index) {
    const auto& operation = layer.operations[index];
    if (stream_of(operation, beside) != compute_stream) continue;
    const bool waits = std::any_of(
        operation.inputs.begin(), operation.inputs.end(),
        [&](int input) { return stream_of(layer.operations[input], beside) != compute_stream; });
    if (result.empty() || waits) result.emplace_back();
    result.back().push_back(index);
  }
  return result;
}

/// One turn of the compute stream: which nano-batch's next segment comes.
using Interleaving = std::vector<int>;  // [2 * segments], each 0 or 1

std::vector<Interleaving> interleavings(int n_segments) {
  Interleaving order(2 * n_segments, 1);
  std::fill(order.begin(), order.begin() + n_segments, 0);
  std::vector<Interleaving> all;
  do all.push_back(order);
  while (std::next_permutation(order.begin(), order.end()));
  return all;
}

/// rotation: segments of the second nano-batch that come a turn early; its others are a layer
/// behind.
LayerSchedule build(const DeviceLayer& layer, const std::vector<Segment>& parts,
                    const Interleaving& order, int rotation, bool beside) {
  LayerSchedule schedule;
  schedule.name = "overlapped";
  const int n = static_cast<int>(parts.size());
  std::array<int, 2> next{};
  for (const int nano : order) {
    const int place = next[nano]++;
    const int segment = nano == 0 ? place : (place + rotation) % n;
    const int lag = nano == 1 && rotation > 0 && segment >= rotation ? 1 : 0;
    for (const int operation : parts[segment])
      schedule.launches.push_back({.operation = operation, .nano = nano, .lag = lag});
  }
  for (int operation = 0; operation < std::ssize(layer.operations); ++operation) {
    const Stream stream = stream_of(layer.operations[operation], beside);
    if (stream == compute_stream) continue;
    for (int nano = 0; nano < 2; ++nano)
      schedule.launches.push_back({.operation = operation, .nano = nano, .stream = stream});
  }
  return schedule;
}

class Search {
 public:
  Search(const DeviceLayer& layer, const DeviceProfile& profile, const SteadyBatch& batch)
      : layer_(layer), profile_(profile), batch_(batch) {}

  SearchResult run() {
    for (const bool beside : {false, true}) {
      const auto parts = segments(layer_, beside);
      const auto orders = interleavings(static_cast<int>(parts.size()));
      for (int rotation = 0; rotation < std::ssize(parts); ++rotation)
        for (const auto& order : orders) try_cuts(build(layer_, parts, order, rotation, beside));
    }
    SearchResult best;
    for (auto& [per_layer, schedule] : kept_) {
      refine(schedule, per_layer);
      const VirtualTime time(layer_, profile_, batch_, schedule);
      const double seconds = time.run(layer_.n_layers, false).seconds;
      if (best.seconds != 0 && seconds >= best.seconds) continue;
      best.schedule = schedule;
      best.seconds = seconds;
    }
    best.n_tried = n_tried_;
    return best;
  }

 private:
  struct Candidate {
    double seconds;
    LayerSchedule schedule;
  };

  void try_cuts(LayerSchedule schedule) {
    const int step = batch_.n_tokens >= 2 * profile_.tile_rows ? profile_.tile_rows : 1;
    const int n_steps = batch_.n_tokens / step;
    for (int part = 1; part < n_steps; ++part) {
      if (n_steps > most_cuts && part % (n_steps / (most_cuts / 2)) != 0) continue;
      schedule.nano_rows = {part * step, batch_.n_tokens - part * step};
      try_shares(schedule);
    }
  }

  void try_shares(LayerSchedule schedule) {
    VirtualTime time(layer_, profile_, batch_, schedule);
    for (const double memory : memory_shares)
      for (const double network : network_shares) {
        if (memory + network > most_shares) continue;
        for (int index = 0; index < std::ssize(schedule.launches); ++index) {
          auto& launch = schedule.launches[index];
          if (launch.stream == compute_stream) continue;
          launch.share = launch.stream == memory_stream ? memory : network;
          time.set_share(index, launch.share);
        }
        keep(measure(time), schedule);
        if (profile_.devices == 1) break;
      }
  }

  double measure(const VirtualTime& time) {
    ++n_tried_;
    return time.seconds_per_layer();
  }

  void keep(double seconds, const LayerSchedule& schedule) {
    if (kept_.size() == n_kept && seconds >= kept_.back().seconds) return;
    const auto at = std::upper_bound(
        kept_.begin(), kept_.end(), seconds,
        [](double value, const Candidate& other) { return value < other.seconds; });
    kept_.insert(at, {seconds, schedule});
    if (kept_.size() > n_kept) kept_.pop_back();
  }

  /// Coordinate descent over the launches' shares.
  void refine(LayerSchedule& schedule, double& seconds) {
    VirtualTime time(layer_, profile_, batch_, schedule);
    for (bool better = true; better;) {
      better = false;
      for (int index = 0; index < std::ssize(schedule.launches); ++index) {
        if (schedule.launches[index].stream == compute_stream) continue;
        for (int part = 1; part < share_steps; ++part) {
          const double share = part * share_step;
          if (share == schedule.launches[index].share ||
              share + most_beside(schedule, index) > most_shares)
            continue;
          time.set_share(index, share);
          const double found = measure(time);
          if (found < seconds * (1 - 1e-6)) {
            seconds = found;
            schedule.launches[index].share = share;
            better = true;
          }
          time.set_share(index, schedule.launches[index].share);
        }
      }
    }
  }

  /// The largest share that may be taken by the third stream at the same time.
  static double most_beside(const LayerSchedule& schedule, int index) {
    double most = 0;
    for (const auto& launch : schedule.launches)
      if (launch.stream != compute_stream && launch.stream != schedule.launches[index].stream)
        most = std::max(most, launch.share);
    return most;
  }

  const DeviceLayer& layer_;
  const DeviceProfile& profile_;
  const SteadyBatch& batch_;
  std::vector<Candidate> kept_;  // ascending
  int n_tried_ = 0;
};

}  // namespace

SearchResult search_overlap(const DeviceLayer& layer, const DeviceProfile& profile,
                            const SteadyBatch& batch) {
  return Search(layer, profile, batch).run();
}

double lower_bound(const DeviceLayer& layer, const DeviceProfile& profile,
                   const SteadyBatch& batch) {
  double sum = 0;
  for (const auto& operation : layer.operations) sum += least_cost(operation, profile, batch);
  return sum;
}

}  // namespace nanoflow::simulate
