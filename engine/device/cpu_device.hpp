#pragma once
#include <string>
#include <vector>

#include "engine/device/device.hpp"

namespace nanoflow {

/// The machine's own processors. A stream is a team of threads; by default there is one, with all
/// of them.
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
  int n_workers_ = 0;
  std::vector<std::unique_ptr<DeviceStream>> streams_;
};

/// One stream, "compute". threads 0: as many as the affinity and the cgroup allow.
std::unique_ptr<Device> make_cpu_device(int threads);

}  // namespace nanoflow
