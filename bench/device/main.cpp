// How fast this machine loads a model, reads prompts and writes answers, without a daemon around
// it, and which operations the time goes to.
//
//     bench_device MODEL [--device cpu] [--threads N] [--weights auto|f32|bf16|int8|int4]
//                  [--kv auto|f32|bf16|int8] [--steps N] [--only WORD]
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>

#include "bench/device/bench_model.hpp"

namespace {

using namespace nanoflow;

constexpr int prompt_tokens = 512;
constexpr int context_tokens = 256;  // of a sequence, when its decoding is measured
constexpr int largest_batch = 64;

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
  explicit Bench(const bench::BenchModelOptions& options) : options_(options), model_(options) {
    model_.print();
  }

  void run() {
    std::printf("%-18s %10s %10s %10s %9s %8s\n", "", "tokens/s", "ms/step", "best ms", "GFLOP/s",
                "GB/s");
    report("prefill " + std::to_string(prompt_tokens), 1, prompt_tokens, 0);
    model_.fill(largest_batch, context_tokens);
    for (const int n_draft : {1, 3, 7, 15})  // beside "decode 1": what guesses cost
      report("decode 1 + " + std::to_string(n_draft), 1, 1 + n_draft, context_tokens, n_draft);
    for (const int batch : {1, 8, 32, largest_batch})
      report("decode " + std::to_string(batch), batch, 1, context_tokens);
  }

 private:
  Timings measure(int batch, int n_rows, int position, int n_draft) {
    const auto sequential = sequential_schedule(model_.model().graph());
    Timings timings;
    model_.run(model_.make_step(batch, n_rows, position, n_draft), sequential);
    for (int i = 0; i < options_.steps; ++i) {
      const auto [seconds, timelines] =
          model_.run(model_.make_step(batch, n_rows, position, n_draft), sequential);
      const auto& timeline = timelines.front();
      timings.seconds.push_back(seconds);
      timings.flops = timeline.flops;
      timings.bytes = timeline.bytes;
      for (int kind = 0; kind < n_operation_kinds; ++kind)
        timings.kind_seconds[kind] += static_cast<double>(timeline.kind_ns[kind]) * 1e-9;
    }
    return timings;
  }

  void report(const std::string& name, int batch, int n_rows, int position, int n_draft = 0) {
    if (name.find(options_.only) == std::string::npos) return;
    auto timings = measure(batch, n_rows, position, n_draft);
    const int n_tokens = batch * n_rows;
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

  bench::BenchModelOptions options_;
  bench::BenchModel model_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    Bench(bench::parse("bench_device", argc, argv)).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_device: %s\n", error.what());
    return 1;
  }
}
