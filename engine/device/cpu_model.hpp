#pragma once
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/device/cpu_forward.hpp"
#include "engine/device/cpu_probe.hpp"
#include "engine/device/device.hpp"
#include "engine/plan/step_compiler.hpp"

namespace nanoflow {

/// A program with what it works on, which belongs to a model.
struct CpuProgram : Program {
  std::shared_ptr<const void> owner;  // of a probe's; a step's lives in the model
  const CpuForward* forward = nullptr;
  CpuStep* buffer = nullptr;
  double flops = 0, bytes = 0;           // of its launches
  std::function<void(int worker)> work;  // instead of instructions: what a probe of a peak does
};

/// Of the device.
struct CpuSizes {
  int n_cpus = 0;  // that load a model
  int n_workers = 0;
  int n_streams = 0;
};

/// A model loaded into main memory.
class CpuModel : public DeviceModel, public std::enable_shared_from_this<CpuModel> {
 public:
  CpuModel(std::shared_ptr<const Checkpoint> checkpoint, const LoadOptions& options,
           const CpuSizes& device);

  const Graph& graph() const override { return graph_; }
  std::string weights() const override { return weights_.formats(); }
  double weight_bytes() const override { return weight_bytes_; }
  KvFormat kv() const { return options_.kv; }  // never automatic
  int n_pages() const { return options_.n_pages; }
  std::uint64_t bytes() const override;

  void check(const Schedule& schedule) const override;
  std::vector<std::shared_ptr<const Program>> prepare(const Step& step,
                                                      const Schedule& schedule) override;
  StepResult result(std::uint64_t step_number) override;
  std::vector<LaunchSpan> launches(std::uint64_t step_number) const override;

  /// Raw logits of a step's i-th row that samples, drafts' rows included, until another step runs:
  /// [vocab_size]. Only with LoadOptions::keep_logits are they of every row.
  std::span<const float> logits(std::uint64_t step_number, int sampled) const;

  std::uint64_t page_bytes() const override;
  void copy_out(PageId page, std::span<std::byte> bytes) const override;
  void copy_in(PageId page, std::span<const std::byte> bytes) override;

  void begin_probes() override;
  std::vector<std::shared_ptr<const Program>> prepare_probe(const Probe& probe) override;
  ProbeLimits probe_limits() const override;
  void end_probes() override { probe_.reset(); }

 private:
  /// A step, and its programs: what the next step but one is written over.
  struct Buffer {
    CpuStep step;
    std::vector<CpuProgram> programs;  // [n_streams]
    std::vector<Program*> targets;     // the same, for the compiler
  };
  Buffer& buffer(std::uint64_t step_number) { return buffers_[step_number % buffers_.size()]; }
  std::span<std::byte> page(PageId page) const;
  const CpuStep& finished(std::uint64_t step_number) const;

  std::shared_ptr<const Checkpoint> checkpoint_;
  LoadOptions options_;
  int n_cpus_, n_streams_;
  Graph graph_;
  CpuWeights weights_;
  double weight_bytes_;  // of one weight
  double kv_bytes_;      // of one number of K or V
  MappedMemory kv_;      // [n_pages, n_layers, kv_page_bytes]
  CpuWorkspace workspace_;
  std::vector<CpuSlot> slots_;  // [n_slots]
  std::array<Buffer, 2> buffers_;
  StepCompiler compiler_;
  CpuForward forward_;
  std::shared_ptr<CpuProbe> probe_;  // while the device is being measured
};

/// What one KV page takes in all layers.
/// Not of KvFormat::automatic.
std::uint64_t cpu_page_bytes(const ModelConfig& config, KvFormat kv);

}  // namespace nanoflow
