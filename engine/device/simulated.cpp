#include "engine/device/simulated.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "engine/device/clock.hpp"
#include "engine/device/simulated_model.hpp"

namespace nanoflow {
namespace {

/// Over the launches, evenly: what a hash costs says nothing about an operation.
void spread_time(const Program& program, ProgramTimeline& timeline) {
  const auto is_launch = [](const Instruction& i) { return i.type == Instruction::Type::launch; };
  const auto& instructions = program.instructions;
  const auto n = std::count_if(instructions.begin(), instructions.end(), is_launch);
  for (const auto& instruction : instructions)
    if (is_launch(instruction))
      timeline.kind_ns[static_cast<std::size_t>(instruction.kind)] +=
          (timeline.end_ns - timeline.start_ns) / n;
}

class SimulatedStream : public DeviceStream {
 public:
  const std::string& name() const override { return name_; }
  int n_workers() const override { return 1; }
  void bind() override {}
  std::vector<ProgramTimeline> run(const Program& program) override {
    const auto& simulated = dynamic_cast<const SimulatedProgram&>(program);
    ProgramTimeline timeline{.step = program.step, .start_ns = now_ns()};
    simulated.model->run(simulated);
    timeline.end_ns = now_ns();
    spread_time(program, timeline);
    timeline.flops = simulated.model->graph().flops(program.shape);
    timeline.bytes = simulated.model->graph().bytes(program.shape);
    return {timeline};
  }

 private:
  std::string name_ = "compute";
};

class SimulatedDevice : public Device {
 public:
  explicit SimulatedDevice(const SimulatedOptions& simulated) : simulated_(simulated) {
    streams_.push_back(std::make_unique<SimulatedStream>());
  }

  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  std::span<const std::unique_ptr<DeviceStream>> streams() override { return streams_; }
  /// What the model's keys and values would take, so that pools are as large as on a real device.
  std::uint64_t page_bytes(const ModelConfig& config, WeightFormat weights,
                           KvFormat kv) const override {
    const double numbers = 2.0 * config.n_layers * config.kv_dim() * page_size;
    return static_cast<std::uint64_t>(
        std::lround(numbers * kv_number_bytes(resolve(kv, weights), config.head_dim)));
  }
  std::uint64_t weight_bytes(const Checkpoint& checkpoint, WeightFormat weights) const override {
    return static_cast<std::uint64_t>(checkpoint.n_parameters()) *
           (weights == WeightFormat::f32 ? 4 : 2);
  }
  std::shared_ptr<DeviceModel> load(std::shared_ptr<const Checkpoint> checkpoint,
                                    const LoadOptions& options) override {
    const auto bytes = checkpoint->file_bytes();
    if (options.progress) options.progress(0, bytes);
    auto model = std::make_shared<SimulatedModel>(std::move(checkpoint), options, simulated_);
    if (options.progress) options.progress(bytes, bytes);
    return model;
  }

 private:
  SimulatedOptions simulated_;
  std::string name_ = "simulated";
  std::string description_ = "no arithmetic: tokens are hashes of what the KV pages hold";
  std::vector<std::unique_ptr<DeviceStream>> streams_;
};

std::uint64_t number_from_environment(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return 0;
  std::uint64_t value = 0;
  const char* end = text + std::strlen(text);
  const auto [rest, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || rest != end)
    throw std::runtime_error(std::string(variable) + ": expected a number, found '" + text + "'");
  return value;
}

}  // namespace

std::unique_ptr<Device> make_simulated_device(const SimulatedOptions& simulated) {
  return std::make_unique<SimulatedDevice>(simulated);
}

std::unique_ptr<Device> make_simulated_device(const DeviceOptions&) {
  SimulatedOptions simulated;
  simulated.step_time =
      std::chrono::microseconds(number_from_environment("NANOFLOW_SIMULATED_STEP_US"));
  simulated.fail_every = number_from_environment("NANOFLOW_SIMULATED_FAIL_EVERY");
  return make_simulated_device(simulated);
}

}  // namespace nanoflow
