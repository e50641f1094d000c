// A device as the simulation knows it: speeds, sizes, and what kernels cost each other.
#pragma once
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace nanoflow::simulate {

/// A profile that cannot be used. The message says file, line, field, what was expected and found.
struct ProfileError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Interference: what a kind of kernel performs (1: as when alone) on a share of the device. Zhu et
/// al., "NanoFlow", OSDI'25, section 4: R and P.
class ShareCurve {
 public:
  struct Point {
    double share, performance;
  };

  /// Performance is the share.
  ShareCurve() : ShareCurve(std::vector<Point>{}) {}
  /// Straight between the points, with (0, 0) and (1, 1) added where they are missing. Throws
  /// std::invalid_argument unless shares ascend, performances do not fall, and all lie in [0, 1].
  explicit ShareCurve(std::vector<Point> points);

  double performance(double share) const;
  /// The smallest share that any use of the device pays for one unit of performance.
  double cheapest() const;

 private:
  std::vector<Point> points_;
};

struct DeviceProfile {
  std::string name;         // of the file
  std::string description;  // of one device
  int devices = 1;          // tensor parallelism over all of them

  // Of one device.
  double flops = 0;            // FLOP/s, nominal
  double sustained_flops = 0;  // FLOP/s of large products: the optimum's
  int units = 1;               // of which a kernel fills some or all, in waves
  int tile_rows = 1, tile_columns = 1;
  double gemm_efficiency = 1, prefill_attention_efficiency = 1;  // of flops, all units at work
  double memory_bytes = 0;
  double memory_bandwidth = 0;  // bytes/s, nominal
  double memory_efficiency = 1;
  double network_bandwidth = 0;  // bytes/s, nominal, in one direction
  double network_efficiency = 1;
  double network_latency = 0;  // seconds that the smallest message takes

  ShareCurve gemm, gemv, network_curve;
};

struct BuiltInProfile {
  std::string_view name, toml;
};
const std::vector<BuiltInProfile>& built_in_profiles();

/// name_or_path: a built-in profile, or a file (whatever has a slash or ends in .toml). Throws
/// ProfileError.
DeviceProfile load_profile(const std::string& name_or_path);
/// where: the file's name, for messages. Throws ProfileError.
DeviceProfile parse_profile(std::string_view toml, const std::string& where);

}  // namespace nanoflow::simulate
