#include "engine/device/cpu_device.hpp"

#include <algorithm>
#include <stdexcept>

#include "engine/device/cpu_model.hpp"
#include "engine/device/cpu_stream.hpp"
#include "engine/device/limits.hpp"
#include "engine/device/processors.hpp"

namespace nanoflow {

CpuDevice::CpuDevice(const std::vector<StreamOptions>& streams) {
  for (const auto& stream : streams) {
    if (stream.cpus.empty())
      throw std::logic_error("stream \"" + stream.name + "\" has no workers");
    n_cpus_ = std::max(n_cpus_, static_cast<int>(stream.cpus.size()));
  }
  for (const auto& stream : streams) {
    const int index = static_cast<int>(streams_.size());
    streams_.push_back(
        std::make_unique<CpuStream>(stream.name, index, n_workers_, stream.cpus, n_cpus_));
    n_workers_ += static_cast<int>(stream.cpus.size());
  }
  description_ = processor_name() + ", " + std::to_string(n_cpus_) +
                 (n_cpus_ == 1 ? " thread, " : " threads, ") +
                 std::string(to_string(kernels::current_isa()));
}

std::uint64_t CpuDevice::page_bytes(const ModelConfig& config, WeightFormat weights,
                                    KvFormat kv) const {
  return cpu_page_bytes(config, resolve(kv, weights));
}

std::uint64_t CpuDevice::weight_bytes(const Checkpoint& checkpoint, WeightFormat weights) const {
  return cpu_weight_bytes(checkpoint, weights);
}

std::shared_ptr<DeviceModel> CpuDevice::load(std::shared_ptr<const Checkpoint> checkpoint,
                                             const LoadOptions& options) {
  return std::make_shared<CpuModel>(std::move(checkpoint), options,
                                    CpuSizes{.n_cpus = n_cpus_,
                                             .n_workers = n_workers_,
                                             .n_streams = static_cast<int>(streams_.size())});
}

std::unique_ptr<Device> make_cpu_device(int threads) {
  constexpr int most = 1024;
  if (threads < 0 || threads > most)
    throw std::runtime_error("threads is " + std::to_string(threads) + ", expected 0 to " +
                             std::to_string(most));
  const auto cpus = available_cpus();
  CpuDevice::StreamOptions compute{"compute", {}};
  const int n_workers = threads == 0 ? available_threads() : threads;
  // More threads than processors share them in turn.
  for (int worker = 0; worker < n_workers; ++worker)
    compute.cpus.push_back(cpus[worker % cpus.size()]);
  std::vector<CpuDevice::StreamOptions> streams{compute};
  // It takes its processors from the end of compute's, which then has as many fewer at its end.
  if (n_workers > 1)
    streams.push_back({"memory", {compute.cpus.rbegin(), compute.cpus.rend() - 1}});
  return std::make_unique<CpuDevice>(streams);
}

}  // namespace nanoflow
