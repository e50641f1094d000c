#include "engine/device/null_device.hpp"

#include <array>

#include "engine/device/clock.hpp"

namespace nanoflow {
namespace {

class NullModel : public DeviceModel, public std::enable_shared_from_this<NullModel> {
 public:
  explicit NullModel(const Checkpoint& checkpoint)
      : graph_(build_graph(checkpoint.config())), vocab_size_(checkpoint.config().vocab_size) {}

  const Graph& graph() const override { return graph_; }
  std::string weights() const override { return "nothing: tokens cost nothing"; }
  double weight_bytes() const override { return 2; }
  std::uint64_t bytes() const override { return 0; }

  void check(const Schedule& schedule) const override { check_schedule(graph_, schedule, 1); }

  std::vector<std::shared_ptr<const Program>> prepare(const Step& step, const Schedule&) override {
    auto& buffer = this->buffer(step.number);
    buffer.program.step = step.number;
    buffer.program.shape = step_shape(step, graph_.window);
    buffer.result = {.number = step.number, .sampled = {}};
    buffer.result.sampled.reserve(static_cast<std::size_t>(buffer.program.shape.n_sampled));
    for (const auto& sequence : step.sequences) sample(sequence, buffer.result);
    return {{shared_from_this(), &buffer.program}};
  }

  StepResult result(std::uint64_t step_number) override {
    return std::move(buffer(step_number).result);
  }

 private:
  struct Buffer {
    Program program;  // without instructions
    StepResult result;
  };
  Buffer& buffer(std::uint64_t step_number) { return buffers_[step_number % buffers_.size()]; }

  /// From the middle of the vocabulary, where ordinary words are; no position has its neighbour's.
  TokenId token_at(int position) const {
    constexpr int n_tokens = 61;
    return (vocab_size_ / 2 + position % n_tokens) % vocab_size_;
  }

  /// One token, and one for each guess that was right.
  void sample(const StepSequence& sequence, StepResult& result) const {
    for (int row = sequence.n_rows - sequence.n_sampled(); row < sequence.n_rows; ++row) {
      const TokenId token = token_at(sequence.position + row + 1);
      result.sampled.push_back({.slot = sequence.slot, .token = token, .logprobs = {}});
      if (row + 1 == sequence.n_rows || sequence.tokens[static_cast<std::size_t>(row + 1)] != token)
        return;
    }
  }

  Graph graph_;
  int vocab_size_;
  std::array<Buffer, 2> buffers_;
};

class NullStream : public DeviceStream {
 public:
  const std::string& name() const override { return name_; }
  int n_workers() const override { return 1; }
  void bind() override {}
  std::vector<ProgramTimeline> run(const Program& program) override {
    return {{.step = program.step, .start_ns = now_ns(), .end_ns = now_ns()}};
  }

 private:
  std::string name_ = "compute";
};

class NullDevice : public Device {
 public:
  NullDevice() { streams_.push_back(std::make_unique<NullStream>()); }

  const std::string& name() const override { return name_; }
  const std::string& description() const override { return description_; }
  std::span<const std::unique_ptr<DeviceStream>> streams() override { return streams_; }
  /// No memory is taken; but a pool must have a size.
  std::uint64_t page_bytes(const ModelConfig&, WeightFormat, KvFormat) const override {
    return page_size * sizeof(TokenId);
  }
  std::uint64_t weight_bytes(const Checkpoint&, WeightFormat) const override { return 0; }
  std::shared_ptr<DeviceModel> load(std::shared_ptr<const Checkpoint> checkpoint,
                                    const LoadOptions& options) override {
    const auto bytes = checkpoint->file_bytes();
    if (options.progress) options.progress(0, bytes);
    auto model = std::make_shared<NullModel>(*checkpoint);
    if (options.progress) options.progress(bytes, bytes);
    return model;
  }

 private:
  std::string name_ = "null";
  std::string description_ = "tokens at no cost: for measuring the daemon itself";
  std::vector<std::unique_ptr<DeviceStream>> streams_;
};

}  // namespace

std::unique_ptr<Device> make_null_device() {
  return std::make_unique<NullDevice>();
}

}  // namespace nanoflow
