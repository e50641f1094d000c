// The bounded search against another one that shares none of its choices: simulated annealing over
// two and three nano-batches of any size, operation by operation in any order.
#include <boost/test/data/test_case.hpp>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

#include "engine/plan/simulate/model_shape.hpp"
#include "engine/plan/simulate/simulate.hpp"

using namespace nanoflow;
using namespace nanoflow::simulate;

namespace {

using Kind = DeviceOperation::Kind;
constexpr int tile = 128;

struct State {
  std::vector<int> rows;                // [n_nano]
  std::vector<int> order;               // of the compute stream: whose next operation comes
  std::vector<int> first;               // [n_nano]: its chain's operation that a turn begins with
  std::vector<double> memory, network;  // [n_nano] shares
  bool beside = false;
};

class Annealing {
 public:
  Annealing(const Simulation& question, int n_nano, unsigned seed)
      : question_(question), layer_(question.graph.layers[0]), n_nano_(n_nano), random_(seed) {}

  /// Seconds of all layers by the best schedule found.
  double run(int steps) {
    double best = 1e9;
    for (const bool beside : {false, true}) {
      State state = start(beside);
      double now = seconds(state);
      for (int step = 0; step < steps; ++step) {
        State next = state;
        change(next);
        const double then = seconds(next);
        const double heat = 0.03 * (steps - step) / steps;
        if (then > now && std::exp((now - then) / now / heat) < uniform()) continue;
        state = std::move(next);
        now = then;
        best = std::min(best, now);
      }
    }
    return best;
  }

 private:
  int below(int n) { return std::uniform_int_distribution(0, n - 1)(random_); }
  double uniform() { return std::uniform_real_distribution(0.0, 1.0)(random_); }

  Stream stream_of(const DeviceOperation& operation, bool beside) const {
    if (operation.kind == Kind::network) return network_stream;
    if (operation.kind == Kind::decode_attention) return memory_stream;
    return beside && operation.may_run_beside ? memory_stream : compute_stream;
  }
  std::vector<int> chain(bool beside) const {
    std::vector<int> result;
    for (int index = 0; index < std::ssize(layer_.operations); ++index)
      if (stream_of(layer_.operations[index], beside) == compute_stream) result.push_back(index);
    return result;
  }

  State start(bool beside) const {
    State state;
    state.beside = beside;
    const int tiles = question_.batch.n_tokens / tile;
    for (int nano = 0; nano < n_nano_; ++nano)
      state.rows.push_back(tile * (tiles / n_nano_ + (nano < tiles % n_nano_ ? 1 : 0)));
    for (std::size_t place = 0; place < chain(beside).size(); ++place)
      for (int nano = 0; nano < n_nano_; ++nano) state.order.push_back(nano);
    state.first.assign(n_nano_, 0);
    state.memory.assign(n_nano_, 0.4);
    state.network.assign(n_nano_, 0.2);
    return state;
  }

  void change(State& state) {
    const int nano = below(n_nano_), other = below(n_nano_);
    switch (below(5)) {
      case 0: {
        const int from = below(static_cast<int>(state.order.size()));
        const int moved = state.order[from];
        state.order.erase(state.order.begin() + from);
        state.order.insert(state.order.begin() + below(static_cast<int>(state.order.size()) + 1),
                           moved);
        break;
      }
      case 1:
        state.first[nano] = below(static_cast<int>(state.order.size()) / n_nano_);
        break;
      case 2:
        if (nano == other || state.rows[nano] <= tile) break;
        state.rows[nano] -= tile;
        state.rows[other] += tile;
        break;
      case 3:
        state.memory[nano] = (1 + below(12)) / 20.0;
        break;
      case 4:
        state.network[nano] = (1 + below(7)) / 20.0;
        break;
    }
  }

  LayerSchedule schedule(const State& state) const {
    LayerSchedule result{"annealed", state.rows, {}};
    const auto operations = chain(state.beside);
    const int n = static_cast<int>(operations.size());
    std::vector<int> next(n_nano_);
    for (const int nano : state.order) {
      const int place = (next[nano]++ + state.first[nano]) % n;
      const int lag = state.first[nano] > 0 && place >= state.first[nano] ? 1 : 0;
      result.launches.push_back({.operation = operations[place], .nano = nano, .lag = lag});
    }
    for (int index = 0; index < std::ssize(layer_.operations); ++index) {
      const Stream stream = stream_of(layer_.operations[index], state.beside);
      if (stream == compute_stream) continue;
      for (int nano = 0; nano < n_nano_; ++nano) {
        const double share = stream == memory_stream ? state.memory[nano] : state.network[nano];
        result.launches.push_back(
            {.operation = index, .nano = nano, .stream = stream, .share = share});
      }
    }
    return result;
  }

  /// Of all layers; orders that wait for themselves are no schedules.
  double seconds(const State& state) const {
    const auto candidate = schedule(state);
    const VirtualTime time(layer_, question_.profile, question_.batch, candidate);
    try {
      if (time.seconds_per_layer() * layer_.n_layers > 2 * question_.sequential.seconds) return 1e9;
      return time.run(layer_.n_layers, false).seconds;
    } catch (const std::logic_error&) {
      return 1e9;
    }
  }

  const Simulation& question_;
  const DeviceLayer& layer_;
  int n_nano_;
  std::mt19937 random_;
};

struct Case {
  const char* model;
  int devices;
};
std::ostream& operator<<(std::ostream& out, const Case& which) {
  return out << which.model;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(annealing)

BOOST_DATA_TEST_CASE(a_random_search_finds_nothing_much_faster,
                     boost::unit_test::data::make({Case{"llama-2-70b", 8}, Case{"llama-3-8b", 1},
                                                   Case{"mixtral-8x7b", 8}}),
                     which) {
  const auto found = simulate::simulate(load_profile("a100-80g-sxm-x8"), find_shape(which.model),
                                        {1024, 512}, {which.devices, 0});
  for (const int n_nano : {2, 3}) {
    const double other = found.outside + Annealing(found, n_nano, 7).run(3000);
    BOOST_TEST_MESSAGE(which << ", " << n_nano << " nano-batches: annealed " << other * 1000
                             << " ms, found " << found.overlapped.seconds * 1000);
    BOOST_TEST(found.overlapped.seconds <= 1.01 * other);
    BOOST_TEST(other < found.sequential.seconds);  // it did search
    BOOST_TEST(other >= found.bound);
  }
}

BOOST_AUTO_TEST_SUITE_END()
