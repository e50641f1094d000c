// How fast this machine loads a model, reads prompts and writes answers, without a daemon around
// it, and which operations the time goes to.
//
//     bench_device MODEL [--device cpu] [--threads N] [--weights auto|f32|bf16|int8|int4]
//                  [--kv auto|f32|bf16|int8] [--steps N]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "engine/device/device.hpp"

namespace {

using namespace nanoflow;

constexpr int prompt_tokens = 512;
constexpr int context_tokens = 256;  // of a sequence, when its decoding is measured
constexpr int largest_batch = 64;

struct Options {
  std::string model;
  DeviceOptions device;
  WeightFormat weights = WeightFormat::automatic;
  KvFormat kv = KvFormat::automatic;
  int steps = 20;  // measured, for each row
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--device" && has_value) {
      options.device.kind = argv[++i];
    } else if (word == "--threads" && has_value) {
      options.device.threads = std::atoi(argv[++i]);
    } else if (word == "--weights" && has_value) {
      options.weights = parse_weight_format(argv[++i]).value();
    } else if (word == "--kv" && has_value) {
      options.kv = parse_kv_format(argv[++i]).value();
    } else if (word == "--steps" && has_value) {
      options.steps = std::max(1, std::atoi(argv[++i]));
    } else if (options.model.empty() && !word.starts_with("--")) {
      options.model = word;
    } else {
      options.model.clear();
      break;
    }
  }
  if (!options.model.empty()) return options;
  std::fprintf(
      stderr,
      "usage: bench_device MODEL [--device cpu] [--threads N] [--weights auto|f32|bf16|int8|int4] "
      "[--kv auto|f32|bf16|int8] [--steps N]\n");
  std::exit(2);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Measured steps of one kind.
struct Timings {
  std::vector<double> seconds;  // a step
  std::array<double, n_operation_kinds> kind_seconds{};
  double flops = 0, bytes = 0;

  double median() {
    std::nth_element(seconds.begin(), seconds.begin() + std::ssize(seconds) / 2, seconds.end());
    return seconds[seconds.size() / 2];
  }
  double best() const { return *std::min_element(seconds.begin(), seconds.end()); }
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options), device_(make_device(options.device)) {
    const auto start = std::chrono::steady_clock::now();
    auto checkpoint = Checkpoint::open(options.model);
    vocab_size_ = checkpoint->config().vocab_size;
    const double opened = seconds_since(start);
    LoadOptions load;
    load.weights = options.weights;
    load.kv = options.kv;
    load.n_slots = largest_batch;
    load.max_step_tokens = prompt_tokens;
    load.n_pages = largest_batch * pages_a_sequence;
    model_ = device_->load(checkpoint, load);
    std::printf("%s: %s\n", device_->name().c_str(), device_->description().c_str());
    std::printf("%s: %.1f M parameters, %s weights, %s keys and values\n",
                checkpoint->config().name.c_str(),
                static_cast<double>(checkpoint->n_parameters()) / 1e6, model_->weights().c_str(),
                std::string(to_string(resolve(options.kv, options.weights))).c_str());
    std::printf("opened in %.3f s, loaded in %.3f s\n\n", opened, seconds_since(start) - opened);
    stream().bind();
  }

  void run() {
    std::printf("%-18s %10s %10s %10s %9s %8s\n", "", "tokens/s", "ms/step", "best ms", "GFLOP/s",
                "GB/s");
    report("prefill " + std::to_string(prompt_tokens), prompt_tokens, measure(1, prompt_tokens, 0));
    for (const int batch : {1, 8, 32, largest_batch})
      report("decode " + std::to_string(batch), batch, measure(batch, 1, context_tokens));
  }

 private:
  static constexpr int pages_a_sequence = (prompt_tokens + page_size - 1) / page_size;

  DeviceStream& stream() { return *device_->streams().front(); }

  /// Every sequence computes n_rows from `position` on: again and again the same ones.
  Step make_step(int batch, int n_rows, int position) {
    static const auto greedy = [] {
      auto params = std::make_shared<SamplingParams>();
      params->temperature = 0;
      return params;
    }();
    Step step;
    step.number = ++number_;
    for (int index = 0; index < batch; ++index) {
      auto& sequence = step.sequences.emplace_back();
      sequence.slot = index;
      sequence.position = position;
      sequence.n_rows = n_rows;
      for (int row = 0; row < n_rows; ++row)
        sequence.tokens.push_back((position + row * 7919 + index) % vocab_size_);
      for (int page = 0; page * page_size < position + n_rows; ++page)
        sequence.pages.push_back(index * pages_a_sequence + page);
      sequence.samples = true;
      sequence.sampling = greedy;
    }
    return step;
  }

  ProgramTimeline run_step(const Step& step) {
    const auto programs = model_->prepare(step);
    const auto timeline = stream().run(*programs.front());
    model_->result(step.number);
    return timeline;
  }

  Timings measure(int batch, int n_rows, int position) {
    // What a decoding sequence attends to is there.
    for (int index = 0; position > 0 && index < batch; ++index) {
      auto step = make_step(batch, position, 0);
      step.sequences = {step.sequences[index]};
      run_step(step);
    }
    Timings timings;
    run_step(make_step(batch, n_rows, position));
    for (int i = 0; i < options_.steps; ++i) {
      const auto step = make_step(batch, n_rows, position);
      const auto start = std::chrono::steady_clock::now();
      const auto timeline = run_step(step);
      timings.seconds.push_back(seconds_since(start));
      timings.flops = timeline.flops;
      timings.bytes = timeline.bytes;
      for (int kind = 0; kind < n_operation_kinds; ++kind)
        timings.kind_seconds[kind] += static_cast<double>(timeline.kind_ns[kind]) * 1e-9;
    }
    return timings;
  }

  void report(const std::string& name, int n_tokens, Timings timings) const {
    const double median = timings.median();
    std::printf("%-18s %10.1f %10.3f %10.3f %9.1f %8.1f\n", name.c_str(), n_tokens / median,
                median * 1e3, timings.best() * 1e3, timings.flops / median * 1e-9,
                timings.bytes / median * 1e-9);
    double all = 0;
    for (const double seconds : timings.kind_seconds) all += seconds;
    std::printf("   ");
    for (int kind = 0; kind < n_operation_kinds; ++kind) {
      const double percent = 100 * timings.kind_seconds[kind] / all;
      if (percent < 0.5) continue;
      const auto label = std::string(to_string(static_cast<OperationKind>(kind)));
      std::printf(" %s %.0f%%", label.c_str(), percent);
    }
    std::printf("\n");
  }

  Options options_;
  std::unique_ptr<Device> device_;
  std::shared_ptr<DeviceModel> model_;
  int vocab_size_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    Bench(parse(argc, argv)).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_device: %s\n", error.what());
    return 1;
  }
}
