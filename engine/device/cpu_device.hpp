#pragma once
#include <string>
#include <vector>

#include "engine/device/device.hpp"

namespace nanoflow {

/// The machine's own processors. A stream is a team of threads. A schedule says how many of its
/// team each stream uses, so that together they have as many as there are processors.
class CpuDevice : public Device {
 public:
  struct StreamOptions {
    std::string name;
    std::vector<int> cpus;  // one worker for each
  };
  explicit CpuDevice(const std::vector<StreamOptions>& streams);

  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  std::span<const std::unique_ptr<DeviceStream>> streams() override { return streams_; }
  std::uint64_t page_bytes(const ModelConfig& config, WeightFormat weights,
                           KvFormat kv) const override;
  std::uint64_t weight_bytes(const Checkpoint& checkpoint, WeightFormat weights) const override;
  std::shared_ptr<DeviceModel> load(std::shared_ptr<const Checkpoint> checkpoint,
                                    const LoadOptions& options) override;

 private:
  std::string name_ = "cpu";
  std::string description_;
  int n_cpus_ = 0;     // of the largest team
  int n_workers_ = 0;  // of all teams
  std::vector<std::unique_ptr<DeviceStream>> streams_;
};

/// Two streams: "compute" with all threads, "memory" with all but one; with one thread compute
/// only. threads 0: as many as the affinity and the cgroup allow.
std::unique_ptr<Device> make_cpu_device(int threads);

}  // namespace nanoflow
