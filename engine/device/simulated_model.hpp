#pragma once
#include <array>
#include <atomic>
#include <memory>

#include "engine/device/device.hpp"
#include "engine/device/simulated.hpp"
#include "engine/device/simulated_memory.hpp"

namespace nanoflow {

class SimulatedModel;

struct SimulatedProgram : Program {
  std::shared_ptr<SimulatedModel> model;
};

class SimulatedModel : public DeviceModel, public std::enable_shared_from_this<SimulatedModel> {
 public:
  SimulatedModel(std::shared_ptr<const Checkpoint> checkpoint, const LoadOptions& load,
                 const SimulatedOptions& simulated);

  const Graph& graph() const override { return graph_; }
  std::string weights() const override { return "nothing: tokens are simulated"; }
  double weight_bytes() const override { return load_.weights == WeightFormat::f32 ? 4 : 2; }
  std::uint64_t bytes() const override { return pages_.bytes(); }
  void check(const Schedule& schedule) const override;
  std::vector<std::shared_ptr<const Program>> prepare(const Step& step,
                                                      const Schedule& schedule) override;
  StepResult result(std::uint64_t step_number) override;
  std::uint64_t page_bytes() const override { return SimulatedPages::page_bytes; }
  void copy_out(PageId page, std::span<std::byte> bytes) const override {
    pages_.copy_out(page, bytes);
  }
  void copy_in(PageId page, std::span<const std::byte> bytes) override {
    pages_.copy_in(page, bytes);
  }

  /// Called by the stream, one program at a time.
  void run(const SimulatedProgram& program);

 private:
  struct Buffer {
    enum class State { empty, prepared, running, done };
    std::atomic<State> state = State::empty;
    Step step;
    StepResult result;
  };
  Buffer& buffer(std::uint64_t step_number) { return buffers_[step_number % buffers_.size()]; }
  void check(const Step& step) const;
  void check_writes(const Step& step);
  void begin(const Step& step, const StepSequence& sequence);
  void launch(Buffer& buffer, const Instruction& instruction);
  void embed(const Step& step, int row_begin, int row_end);
  void sample(Buffer& buffer, int begin, int end);
  void sample(const StepSequence& sequence, StepResult& result);

  std::shared_ptr<const Checkpoint> checkpoint_;
  LoadOptions load_;
  SimulatedOptions simulated_;
  Graph graph_;
  std::array<Buffer, 2> buffers_;
  SimulatedPages pages_;
  std::vector<SimulatedSlot> slots_;  // [n_slots]
  std::vector<int> n_tables_;         // [n_pages], of the running step that have the page
  std::uint64_t n_runs_ = 0, last_run_ = 0;
};

}  // namespace nanoflow
