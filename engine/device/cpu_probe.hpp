#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "engine/device/cpu_forward.hpp"
#include "engine/plan/profile.hpp"

namespace nanoflow {

struct CpuProgram;

/// Programs that repeat one operation, to measure it: on a model's weights and workspace, which no
/// step may use meanwhile, and on KV pages of its own. Or programs that do nothing but multiply, or
/// read, to measure the device.
class CpuProbe {
 public:
  /// pages: the model's, whose layout it takes. n_cpus: of the first stream.
  CpuProbe(const ModelConfig& config, const CpuWeights& weights, kernels::KvPages pages,
           CpuWorkspace& workspace, std::vector<CpuSlot>& slots, int n_cpus);

  /// Until the next call.
  std::vector<std::shared_ptr<CpuProgram>> programs(const Graph& graph, const Probe& probe);

 private:
  Step made_up_step(const Probe& probe) const;
  std::shared_ptr<CpuProgram> multiply(int n_launches);
  std::shared_ptr<CpuProgram> read(int n_launches);

  int n_cpus_;
  kernels::Element element_;  // of most weights
  int n_pages_;
  MappedMemory kv_;
  CpuForward forward_;
  CpuStep step_;
  std::atomic<std::uint64_t> read_ = 0;  // depends on what was read, so that it must be
};

}  // namespace nanoflow
