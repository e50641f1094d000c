// How long a model's operations take on this device, alone and beside each other, and what the
// device can do at most: measured.
#pragma once
#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "engine/plan/program.hpp"
#include "engine/plan/roofline.hpp"

namespace nanoflow {

/// Something to be measured: streams that each repeat one operation on made-up rows, with another
/// layer's weights and pages each time; or the whole device at its peak.
struct ProbeLoad {
  enum class Peak { none, products, reading };
  OperationKind kind = OperationKind::qkv;
  int n_rows = 0;      // of decoding sequences, one each
  int context = 0;     // positions that a row sees: attention's
  float share = 1.0F;  // of the device
  int n_launches = 0;
  /// Instead of an operation: products of independent numbers, as with the model's weights; or
  /// reading memory, more than caches hold. The timeline's flops and bytes say how much that was.
  Peak peak = Peak::none;
};
using Probe = std::vector<ProbeLoad>;  // [streams], at most as many as the device has

/// What a launch's time depends on: its rows, of attention the positions that they see.
inline double probe_size(const ProbeLoad& load) {
  return load.kind == OperationKind::attention ? double(load.n_rows) * load.context : load.n_rows;
}

/// What a device lets be measured.
struct ProbeLimits {
  int n_streams = 0;
  int max_rows = 0;     // of all loads together
  int max_sampled = 0;  // of the LM head's
  bool peaks = false;   // the device's own
};

class Profile {
 public:
  // Of what is added more than once the fastest counts: others may have used the machine.

  /// A launch of that size took so long on a share of the device.
  void add(OperationKind kind, float share, double size, double ms);
  /// Of its speed alone, `kind` keeps this part while `beside` runs on another stream; 0 to 1.
  void add_keeps(OperationKind kind, OperationKind beside, double part);
  /// The device did so much in a second; 0: that was not measured.
  void add_peaks(const Peaks& peaks);

  bool empty() const { return times_.empty(); }  // it says nothing of operations
  const Peaks& peaks() const { return peaks_; }
  /// A launch's time: between measured sizes in proportion, beyond the largest along the last
  /// slope, for a share that was not measured from the nearest one. An operation that was not
  /// measured takes no time.
  double launch_ms(OperationKind kind, float share, double size) const;
  /// 1 where the pair was not measured.
  double keeps(OperationKind kind, OperationKind beside) const;

  struct Point {
    double size, ms;
  };
  using Times = std::map<std::pair<OperationKind, float>, std::vector<Point>>;  // by kind and share
  const Times& times() const { return times_; }
  const std::map<std::pair<OperationKind, OperationKind>, double>& pairs() const { return keeps_; }

 private:
  Times times_;
  std::map<std::pair<OperationKind, OperationKind>, double> keeps_;
  Peaks peaks_;
};

/// Asks for one probe after the other until the profile is complete. Each is a few milliseconds
/// long.
class Profiler {
 public:
  /// n_cpus: that streams share. Operations are measured on all of them and on half, with four and
  /// more on a quarter and three quarters, too; pairs on a half each. Of a single stream nobody
  /// asks more than the peaks.
  Profiler(const Graph& graph, int n_cpus, const ProbeLimits& limits);

  /// The next probe; nothing when all is measured.
  std::optional<Probe> next() const;
  /// What that probe's streams did: [loads].
  void add(const std::vector<ProgramTimeline>& timelines);
  const Profile& profile() const { return profile_; }

 private:
  void add_peak(const ProbeLoad& load, const ProgramTimeline& timeline);

  std::vector<Probe> probes_;  // n_launches 0: as many as take a few milliseconds
  std::size_t at_ = 0;
  Profile profile_;
};

}  // namespace nanoflow
