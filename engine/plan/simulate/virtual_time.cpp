#include "engine/plan/simulate/virtual_time.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace nanoflow::simulate {

LayerSchedule one_stream(const DeviceLayer& layer, std::string name, std::vector<int> nano_rows) {
  LayerSchedule schedule;
  schedule.name = std::move(name);
  schedule.nano_rows = std::move(nano_rows);
  for (int operation = 0; operation < std::ssize(layer.operations); ++operation)
    for (int nano = 0; nano < std::ssize(schedule.nano_rows); ++nano)
      schedule.launches.push_back({.operation = operation, .nano = nano});
  return schedule;
}

VirtualTime::VirtualTime(const DeviceLayer& layer, const DeviceProfile& profile,
                         const SteadyBatch& batch, const LayerSchedule& schedule) {
  const int n_nano = static_cast<int>(schedule.nano_rows.size());
  const int n_operations = static_cast<int>(layer.operations.size());
  const auto fail = [&](const std::string& what) {
    throw std::logic_error("schedule \"" + schedule.name + "\": " + what);
  };
  if (std::accumulate(schedule.nano_rows.begin(), schedule.nano_rows.end(), 0) != batch.n_tokens)
    fail("its nano-batches have other rows than the batch");

  std::vector<int> launch_of(n_operations * n_nano, -1);  // [operations, nano-batches]
  for (int index = 0; index < std::ssize(schedule.launches); ++index) {
    const auto& launch = schedule.launches[index];
    if (launch.operation < 0 || launch.operation >= n_operations || launch.nano < 0 ||
        launch.nano >= n_nano)
      fail("a launch has no such operation or nano-batch");
    const auto& operation = layer.operations[launch.operation];
    int& slot = launch_of[launch.operation * n_nano + launch.nano];
    if (slot != -1) fail(operation.name + " runs twice");
    slot = index;
    auto& step = steps_.emplace_back();
    const int rows = schedule.nano_rows[launch.nano];
    step.seconds = seconds(operation, profile, batch, rows);
    for (int part = 1; part <= share_steps; ++part)
      step.speed[part] =
          step.seconds / seconds(operation, profile, batch, rows, 1.0 * part / share_steps);
    step.share = launch.share;
    step.stream = launch.stream;
    step.lag = launch.lag;
    max_lag_ = std::max(max_lag_, launch.lag);
  }
  const auto missing = std::find(launch_of.begin(), launch_of.end(), -1) - launch_of.begin();
  if (missing < std::ssize(launch_of))
    fail(layer.operations[missing / n_nano].name + " never runs");
  for (int operation = 0; operation < n_operations; ++operation)
    for (int nano = 0; nano < n_nano; ++nano) {
      const int index = launch_of[operation * n_nano + nano];
      for (const int input : layer.operations[operation].inputs) {
        steps_[launch_of[input * n_nano + nano]].readers.push_back(index);
        ++steps_[index].n_inputs;
      }
      if (!layer.operations[operation].reads_previous_layer) continue;
      steps_[launch_of[(n_operations - 1) * n_nano + nano]].next_layer_reader = index;
      steps_[index].waits_for_layer = true;
    }
}

/// One run's state. Launches of all layers are numbered layer * launches + launch.
class VirtualTime::Run {
 public:
  Run(const VirtualTime& plan, int n_layers, bool record)
      : steps_(plan.steps_),
        n_(static_cast<int>(plan.steps_.size())),
        n_layers_(n_layers),
        n_turns_(n_layers + plan.max_lag_),
        record_(record),
        waits_(static_cast<std::size_t>(n_) * n_layers),
        left_(n_layers, n_) {
    timeline_.layer_end.resize(n_layers);
    for (int layer = 0; layer < n_layers; ++layer)
      for (int index = 0; index < n_; ++index)
        waits_[layer * n_ + index] =
            steps_[index].n_inputs + (layer > 0 && steps_[index].waits_for_layer ? 1 : 0);
    for (int index = 0; index < n_; ++index)
      if (waits_[index] == 0) becomes_ready(index);
  }

  Timeline run() {
    for (int left = n_ * n_layers_; left > 0;) {
      for (int stream = 0; stream < n_streams; ++stream)
        if (running_[stream] == none) start(static_cast<Stream>(stream));
      left -= advance();
    }
    timeline_.seconds = now_;
    return std::move(timeline_);
  }

 private:
  static constexpr int none = -1;
  const Step& step(int id) const { return steps_[id % n_]; }

  void becomes_ready(int id) {
    if (step(id).stream != compute_stream) ready_[step(id).stream].push_back(id);
  }

  void start(Stream stream) {
    int id = none;
    if (stream == compute_stream) {
      id = next_in_order();
    } else if (first_[stream] < ready_[stream].size()) {
      id = ready_[stream][first_[stream]++];
    }
    if (id == none) return;
    running_[stream] = id;
    left_seconds_[stream] = step(id).seconds;
    began_[stream] = now_;
  }

  /// The compute stream's next launch, if its inputs are there.
  int next_in_order() {
    for (; turn_ < n_turns_; place_ + 1 < n_ ? ++place_ : (place_ = 0, ++turn_)) {
      const int layer = turn_ - steps_[place_].lag;
      if (steps_[place_].stream != compute_stream || layer < 0 || layer >= n_layers_) continue;
      const int id = layer * n_ + place_;
      if (id == last_started_) continue;
      if (waits_[id] > 0) return none;
      last_started_ = id;
      return id;
    }
    return none;
  }

  /// Straight between the steps, which only streams that split an idle compute stream's share are.
  static double speed_at(const Step& step, double share) {
    const double at = share * share_steps;
    const int below = std::min(static_cast<int>(at + 1e-6), share_steps - 1);
    return step.speed[below] + (at - below) * (step.speed[below + 1] - step.speed[below]);
  }

  /// The compute stream takes what the others leave; alone, the others take all.
  std::array<double, n_streams> shares() const {
    std::array<double, n_streams> share{};
    double others = 0;
    for (const Stream stream : {memory_stream, network_stream})
      if (running_[stream] != none) others += share[stream] = step(running_[stream]).share;
    if (running_[compute_stream] != none) {
      share[compute_stream] = std::max(0.0, 1 - others);
    } else if (others > 0) {
      for (double& part : share) part /= others;
    }
    return share;
  }

  /// To the next end of a launch. Returns how many ended.
  int advance() {
    const auto share = shares();
    std::array<double, n_streams> speed{};
    double least = std::numeric_limits<double>::infinity();
    for (int stream = 0; stream < n_streams; ++stream) {
      if (running_[stream] == none) continue;
      speed[stream] = speed_at(step(running_[stream]), share[stream]);
      if (speed[stream] > 0) least = std::min(least, left_seconds_[stream] / speed[stream]);
    }
    if (least == std::numeric_limits<double>::infinity())
      throw std::logic_error("schedule: launches wait for each other, or have no share");
    if (record_) record(share, least);
    now_ += least;
    int ended = 0;
    for (int stream = 0; stream < n_streams; ++stream) {
      if (running_[stream] == none) continue;
      left_seconds_[stream] -= least * speed[stream];
      if (left_seconds_[stream] > 1e-9 * step(running_[stream]).seconds) continue;
      end(stream);
      ++ended;
    }
    return ended;
  }

  void end(int stream) {
    const int id = running_[stream], layer = id / n_;
    running_[stream] = none;
    if (record_) timeline_.spans.push_back({id % n_, layer, began_[stream], now_});
    if (--left_[layer] == 0) timeline_.layer_end[layer] = now_;
    for (const int reader : step(id).readers)
      if (--waits_[layer * n_ + reader] == 0) becomes_ready(layer * n_ + reader);
    const int next = step(id).next_layer_reader;
    if (next == none || layer + 1 == n_layers_) return;
    if (--waits_[(layer + 1) * n_ + next] == 0) becomes_ready((layer + 1) * n_ + next);
  }

  void record(const std::array<double, n_streams>& share, double length) {
    auto& slice = timeline_.slices.emplace_back();
    slice.begin = now_;
    slice.end = now_ + length;
    slice.share = share;
    for (int stream = 0; stream < n_streams; ++stream) {
      const int id = running_[stream];
      slice.launch[stream] = id == none ? -1 : id % n_;
      slice.layer[stream] = id == none ? -1 : id / n_;
    }
  }

  const std::vector<Step>& steps_;
  int n_, n_layers_, n_turns_;
  bool record_;
  std::vector<int> waits_;  // inputs that have not ended, by launch
  std::vector<int> left_;   // launches that have not ended, by layer
  std::array<std::vector<int>, n_streams> ready_;
  std::array<std::size_t, n_streams> first_{};  // of ready, not started yet
  std::array<int, n_streams> running_{none, none, none};
  std::array<double, n_streams> left_seconds_{}, began_{};
  int turn_ = 0, place_ = 0, last_started_ = none;  // of the compute stream
  double now_ = 0;
  Timeline timeline_;
};

Timeline VirtualTime::run(int n_layers, bool record) const {
  return Run(*this, n_layers, record).run();
}

double VirtualTime::seconds_per_layer() const {
  // The last layers run faster: nothing comes after them to share the device with.
  constexpr int first = 2, last = 6, after = 3;
  const auto timeline = run(last + 1 + after, false);
  return (timeline.layer_end[last] - timeline.layer_end[first]) / (last - first);
}

}  // namespace nanoflow::simulate
