// One kind of layer run in virtual time: nano-batches on three streams that slow each other down as
// the profile's interference says.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "engine/plan/simulate/device_graph.hpp"

namespace nanoflow::simulate {

enum Stream { compute_stream, memory_stream, network_stream };
inline constexpr int n_streams = 3;
inline constexpr int share_steps = 20;  // shares are multiples of 1 / 20

/// One operation on one nano-batch, once a layer.
struct Launch {
  int operation = 0;  // index into the layer
  int nano = 0;
  Stream stream = compute_stream;
  double share = 1;  // R, a multiple of 1 / share_steps, while the compute stream is busy too; that
                     // one takes what others leave
  int lag = 0;       // layers behind the others: its place in the order is in a later layer's turn
};

/// How each layer of a kind runs. The compute stream launches in this order; the other two launch
/// what is ready first.
struct LayerSchedule {
  std::string name;
  std::vector<int> nano_rows;  // [n_nano], they sum to the batch's rows
  std::vector<Launch> launches;
};

/// Everything on the compute stream, operation by operation, nano-batch by nano-batch.
LayerSchedule one_stream(const DeviceLayer& layer, std::string name, std::vector<int> nano_rows);

/// What ran at once, from one event to the next.
struct Slice {
  double begin = 0, end = 0;              // seconds
  std::array<int, n_streams> launch{};    // index into launches; -1: idle
  std::array<int, n_streams> layer{};     // of the launch
  std::array<double, n_streams> share{};  // 0 where idle; at most 1 together
};

struct Span {
  int launch = 0, layer = 0;
  double begin = 0, end = 0;
};

struct Timeline {
  double seconds = 0;
  std::vector<double> layer_end;  // [n_layers]
  std::vector<Span> spans;        // by end
  std::vector<Slice> slices;      // by begin
};

class VirtualTime {
 public:
  /// Keeps references. Throws std::logic_error where a schedule does not run every operation once
  /// on every nano-batch, or its rows are not the batch's.
  VirtualTime(const DeviceLayer& layer, const DeviceProfile& profile, const SteadyBatch& batch,
              const LayerSchedule& schedule);

  void set_share(int launch, double share) { steps_[launch].share = share; }
  /// n_layers one after the other, none waiting for more than its inputs. Throws std::logic_error
  /// for an order that waits for itself.
  Timeline run(int n_layers, bool record) const;
  /// Of one layer among many: the mean distance of some layers' ends after the first few.
  double seconds_per_layer() const;

 private:
  struct Step {
    double seconds = 0;  // alone
    double share = 1;
    std::array<double, share_steps + 1> speed{};  // of the speed alone, by share
    Stream stream = compute_stream;
    int lag = 0;
    int n_inputs = 0;              // in the same layer
    bool waits_for_layer = false;  // for the previous layer's last operation on its nano-batch
    std::vector<int> readers;      // launches of the same layer
    int next_layer_reader = -1;    // the launch of the next layer that reads this one
  };
  class Run;

  std::vector<Step> steps_;  // [launches]
  int max_lag_ = 0;
};

}  // namespace nanoflow::simulate
