// A model on a device, without a daemon around it: made-up steps, run as they are asked for.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "engine/device/device.hpp"

namespace nanoflow::bench {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct BenchModelOptions {
  std::string model;
  DeviceOptions device;
  WeightFormat weights = WeightFormat::automatic;
  KvFormat kv = KvFormat::automatic;
  int max_batch = 64;
  int max_context = 512;
  int max_step_tokens = 512;
  int steps = 20;    // measured, for each row
  std::string only;  // rows with this in their names
};

/// Fills in what the command line says; where it is wrong, says how it is and exits.
inline BenchModelOptions parse(const char* program, int argc, char** argv,
                               BenchModelOptions options = {}) {
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
    } else if (word == "--only" && has_value) {
      options.only = argv[++i];
    } else if (options.model.empty() && !word.starts_with("--")) {
      options.model = word;
    } else {
      options.model.clear();
      break;
    }
  }
  if (!options.model.empty()) return options;
  std::fprintf(stderr,
               "usage: %s MODEL [--device cpu] [--threads N] [--weights "
               "auto|f32|bf16|int8|int4] [--kv auto|f32|bf16|int8] [--steps N] [--only WORD]\n",
               program);
  std::exit(2);
}

class BenchModel {
 public:
  explicit BenchModel(const BenchModelOptions& options)
      : options_(options),
        device_(make_device(options.device)),
        pages_a_sequence_((options.max_context + page_size - 1) / page_size + 1) {
    const auto start = std::chrono::steady_clock::now();
    const auto checkpoint = Checkpoint::open(options.model);
    config_ = checkpoint->config();
    n_parameters_ = checkpoint->n_parameters();
    opened_s_ = seconds_since(start);
    LoadOptions load;
    load.weights = options.weights;
    load.kv = options.kv;
    load.n_slots = options.max_batch;
    load.max_step_tokens = options.max_step_tokens;
    load.n_pages = options.max_batch * pages_a_sequence_;
    model_ = device_->load(checkpoint, load);
    loaded_s_ = seconds_since(start) - opened_s_;
    device_->streams().front()->bind();
  }

  Device& device() { return *device_; }
  DeviceModel& model() { return *model_; }
  void print() const {
    std::printf("%s: %s\n", device_->name().c_str(), device_->description().c_str());
    std::printf("%s: %.1f M parameters, %s weights, %s keys and values\n", config_.name.c_str(),
                static_cast<double>(n_parameters_) / 1e6, model_->weights().c_str(),
                std::string(to_string(resolve(options_.kv, options_.weights))).c_str());
    std::printf("opened in %.3f s, loaded in %.3f s\n\n", opened_s_, loaded_s_);
  }

  /// `batch` sequences compute n_rows each from `position` on: again and again the same ones. The
  /// last n_draft of them are guesses.
  Step make_step(int batch, int n_rows, int position, int n_draft = 0) {
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
        sequence.tokens.push_back((position + row * 7919 + index) % config_.vocab_size);
      std::vector<PageId> pages;
      for (int page = 0; page * page_size < position + n_rows; ++page)
        pages.push_back(index * pages_a_sequence_ + page);
      sequence.pages = std::move(pages);
      sequence.samples = true;
      sequence.n_draft = n_draft;
      sequence.sampling = greedy;
    }
    return step;
  }

  /// Computes the first n_tokens of so many sequences, so that others can attend to them.
  void fill(int batch, int n_tokens) {
    for (int index = 0; index < batch; ++index)
      for (int first = 0; first < n_tokens; first += options_.max_step_tokens) {
        const int n_rows = std::min(options_.max_step_tokens, n_tokens - first);
        auto step = make_step(batch, n_rows, first);
        step.sequences = {step.sequences[static_cast<std::size_t>(index)]};
        run(step, sequential_schedule(model_->graph()));
      }
  }

  /// Seconds, from before it is prepared until its result is there; and the streams' timelines.
  std::pair<double, std::vector<ProgramTimeline>> run(const Step& step, const Schedule& schedule) {
    const auto start = std::chrono::steady_clock::now();
    auto timelines = run(model_->prepare(step, schedule));
    model_->result(step.number);
    return {seconds_since(start), std::move(timelines)};
  }

  std::vector<ProgramTimeline> run(const std::vector<std::shared_ptr<const Program>>& programs) {
    std::vector<std::jthread> followers;
    for (std::size_t i = 1; i < programs.size(); ++i)
      followers.emplace_back([&, i] {
        device_->streams()[i]->bind();
        device_->streams()[i]->run(*programs[i]);
      });
    return device_->streams().front()->run(*programs.front());
  }

 private:
  BenchModelOptions options_;
  std::unique_ptr<Device> device_;
  std::shared_ptr<DeviceModel> model_;
  ModelConfig config_;
  std::int64_t n_parameters_ = 0;
  int pages_a_sequence_;
  double opened_s_ = 0, loaded_s_ = 0;
  std::uint64_t number_ = 0;
};

}  // namespace nanoflow::bench
