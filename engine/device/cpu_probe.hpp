#pragma once
#include <memory>
#include <vector>

#include "engine/device/cpu_forward.hpp"
#include "engine/plan/profile.hpp"

namespace nanoflow {

struct CpuProgram;

/// Programs that repeat one operation, to measure it: on a model's weights and workspace, which no
/// step may use meanwhile, and on KV pages of its own.
class CpuProbe {
 public:
  /// pages: the model's, whose layout it takes.
  CpuProbe(const ModelConfig& config, const CpuWeights& weights, kernels::KvPages pages,
           CpuWorkspace& workspace, std::vector<CpuSlot>& slots);

  /// Until the next call.
  std::vector<std::shared_ptr<CpuProgram>> programs(const Graph& graph, const Probe& probe);

 private:
  Step made_up_step(const Probe& probe) const;

  int n_pages_;
  MappedMemory kv_;
  CpuForward forward_;
  CpuStep step_;
};

}  // namespace nanoflow
