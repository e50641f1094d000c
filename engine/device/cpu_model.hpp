#pragma once
#include <array>
#include <memory>
#include <span>
#include <vector>

#include "engine/device/cpu_forward.hpp"
#include "engine/device/device.hpp"

namespace nanoflow {

class CpuModel;

/// A program with what it works on.
struct CpuProgram : Program {
  std::shared_ptr<const CpuModel> model;
  CpuStep* buffer = nullptr;    // the model's
  double flops = 0, bytes = 0;  // of its launches
};

/// A model loaded into main memory.
class CpuModel : public DeviceModel, public std::enable_shared_from_this<CpuModel> {
 public:
  /// n_workers, n_streams: of the device. n_threads load it.
  CpuModel(std::shared_ptr<const Checkpoint> checkpoint, const LoadOptions& options, int n_workers,
           int n_streams);

  const Graph& graph() const override { return graph_; }
  std::string weights() const override { return weights_.formats(); }
  double weight_bytes() const override { return weight_bytes_; }
  KvFormat kv() const { return options_.kv; }  // never automatic
  int n_pages() const { return options_.n_pages; }
  std::uint64_t bytes() const override;

  std::vector<std::shared_ptr<const Program>> prepare(const Step& step) override;
  StepResult result(std::uint64_t step_number) override;

  /// How steps prepared from now on are run: one nano-batch on one stream, until told otherwise.
  /// Throws std::logic_error where the schedule is not valid for this model and device.
  void use_schedule(Schedule schedule);

  /// Raw logits of a step's i-th row that sampled, until another step runs: [vocab_size].
  std::span<const float> logits(std::uint64_t step_number, int sampled) const;

  void launch(const Crew& crew, const Instruction& instruction, CpuStep& step) const {
    forward_.launch(crew, instruction, step);
  }

 private:
  CpuStep& buffer(std::uint64_t step_number) { return buffers_[step_number % buffers_.size()]; }
  const CpuStep& finished(std::uint64_t step_number) const;

  std::shared_ptr<const Checkpoint> checkpoint_;
  LoadOptions options_;
  int n_streams_;
  Graph graph_;
  Schedule schedule_;
  CpuWeights weights_;
  double weight_bytes_;  // of one weight
  double kv_bytes_;      // of one number of K or V
  MappedMemory kv_;      // [n_pages, n_layers, kv_page_bytes]
  CpuWorkspace workspace_;
  std::vector<CpuSlot> slots_;  // [n_slots]
  std::array<CpuStep, 2> buffers_;
  CpuForward forward_;
};

/// What one KV page takes in all layers.
/// Not of KvFormat::automatic.
std::uint64_t cpu_page_bytes(const ModelConfig& config, KvFormat kv);

}  // namespace nanoflow
