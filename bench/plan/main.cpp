// What each schedule makes of batches of many kinds, beside sequential on the same machine at the
// same time: the steps of all schedules take turns. The last one is what a search found for the
// kind, named at the end of the line.
//
//     bench_plan MODEL [--threads N] [--weights auto|f32|bf16|int8|int4]
//         [--kv auto|f32|bf16|int8] [--steps N]
#include <algorithm>
#include <cstdio>
#include <exception>

#include "bench/device/bench_model.hpp"
#include "engine/plan/candidates.hpp"
#include "engine/plan/predict.hpp"
#include "engine/plan/search.hpp"

namespace {

using namespace nanoflow;

/// A kind of batch: sequences, rows of each, and where they begin.
struct Kind {
  int batch, n_rows, position;
};
constexpr Kind kinds[] = {{4, 1, 256},  {8, 1, 256},  {16, 1, 256},  {32, 1, 256},  {64, 1, 64},
                          {64, 1, 256}, {64, 1, 512}, {64, 1, 1024}, {128, 1, 256}, {16, 1, 1024},
                          {1, 128, 0},  {1, 512, 0},  {1, 512, 512}, {4, 128, 0},   {16, 32, 128}};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class Bench {
 public:
  explicit Bench(const bench::BenchModelOptions& options) : options_(options), model_(options) {
    model_.print();
    const auto streams = model_.device().streams();
    space_.graph = model_.model().graph();
    space_.n_cpus = streams.front()->n_workers();
    for (const auto& stream : streams) space_.streams.push_back(stream->name());
    schedules_ = candidate_schedules(space_.graph, space_.streams, space_.n_cpus);
    for (const auto& schedule : schedules_) model_.model().check(schedule);
  }

  void run() {
    measure_operations();
    std::printf(
        "ms a step (median of %d), then each schedule's speed as a multiple of sequential's, "
        "measured / predicted\n\n",
        options_.steps);
    std::printf("%-32s", "");
    for (const auto& schedule : schedules_) std::printf("  %s", schedule.name.c_str());
    std::printf("  %s\n", searched);
    model_.fill(options_.max_batch, 1024);
    for (const auto& kind : kinds) report(kind);
  }

 private:
  void measure_operations() {
    const auto start = std::chrono::steady_clock::now();
    auto& model = model_.model();
    model.begin_probes();
    Profiler profiler(space_.graph, space_.n_cpus, model.probe_limits());
    int n_probes = 0;
    for (auto probe = profiler.next(); probe; probe = profiler.next(), ++n_probes) {
      const auto programs = model.prepare_probe(*probe);
      profiler.add(model_.run(programs));
    }
    model.end_probes();
    profile_ = profiler.profile();
    std::printf("%d probes in %.2f s; peaks: %.0f GFLOP/s, reading %.1f GB/s\n\n", n_probes,
                bench::seconds_since(start), profile_.peaks().flops_per_s * 1e-9,
                profile_.peaks().read_bytes_per_s * 1e-9);
    print_times();
    print_pairs();
  }

  void print_times() const {
    std::printf("us a launch, on a share of the device\n");
    for (const auto& [key, points] : profile_.times()) {
      std::printf("%-16s %4.2f", std::string(to_string(key.first)).c_str(), key.second);
      for (const auto& point : points) std::printf("  %6.0f: %8.1f", point.size, point.ms * 1e3);
      std::printf("\n");
    }
  }

  void print_pairs() const {
    std::printf("\nhow much of its speed each (row) keeps beside another (column), %%\n%-16s", "");
    OperationKind last = OperationKind::embed;
    for (const auto& [pair, part] : profile_.pairs())
      if (pair.first == profile_.pairs().begin()->first.first)
        std::printf(" %5.5s", std::string(to_string(pair.second)).c_str());
    for (const auto& [pair, part] : profile_.pairs()) {
      if (pair.first != last) std::printf("\n%-16s", std::string(to_string(pair.first)).c_str());
      last = pair.first;
      std::printf(" %5.0f", part * 100);
    }
    std::printf("\n\n");
  }

  /// Sequential's time over the schedule's, by the profile.
  double predicted(const Schedule& schedule, const Step& step) {
    return predict_ms(space_.graph, schedules_.front(), step, profile_) /
           predict_ms(space_.graph, schedule, step, profile_);
  }

  /// The candidates, and what a search finds.
  std::vector<Schedule> schedules_for(const Kind& kind) {
    auto schedules = schedules_;
    const auto step = model_.make_step(kind.batch, kind.n_rows, kind.position);
    auto result = search_schedules(space_, batch_signature(step), profile_, 1);
    if (!result.best.empty()) schedules.push_back(std::move(result.best.front().schedule));
    return schedules;
  }

  void report(const Kind& kind) {
    const auto schedules = schedules_for(kind);
    std::vector<std::vector<double>> seconds(schedules.size());
    for (int i = -1; i < options_.steps; ++i)
      for (std::size_t s = 0; s < schedules.size(); ++s) {
        const auto step = model_.make_step(kind.batch, kind.n_rows, kind.position);
        const double took = model_.run(step, schedules[s]).first;
        if (i >= 0) seconds[s].push_back(took);
      }
    const double sequential = median(seconds.front());
    std::printf("%4d x %3d rows, %4d before  %9.3f", kind.batch, kind.n_rows, kind.position,
                sequential * 1e3);
    std::fflush(stdout);
    const auto step = model_.make_step(kind.batch, kind.n_rows, kind.position);
    for (std::size_t s = 1; s < schedules.size(); ++s)
      std::printf("  %*.3f / %.3f", width(s), sequential / median(seconds[s]),
                  predicted(schedules[s], step));
    if (schedules.size() > schedules_.size())
      std::printf("  %s", schedules.back().name.c_str());
    else
      std::printf("  %*s", width(schedules_.size()) + 8, "none");
    std::printf("\n");
    std::fflush(stdout);
  }

  /// Of a schedule's first number, so that both stand under its name.
  int width(std::size_t schedule) const {
    const auto name = schedule < schedules_.size() ? schedules_[schedule].name : searched;
    return std::max(5, static_cast<int>(name.size()) - 8);
  }

  static constexpr const char* searched = "searched     ";
  bench::BenchModelOptions options_;
  bench::BenchModel model_;
  SearchSpace space_;
  std::vector<Schedule> schedules_;
  Profile profile_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    bench::BenchModelOptions options;
    options.max_batch = 128;
    options.max_context = 1024 + page_size;
    options.steps = 15;
    Bench(bench::parse("bench_plan", argc, argv, options)).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_plan: %s\n", error.what());
    return 1;
  }
}
