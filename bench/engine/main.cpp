// What the daemon itself costs: clients stream from a nanoflowd whose device takes no time.
//
//     bench_engine MODEL [--seconds N]
//
// The model's file is read for its vocabulary and shape only. Load client and daemon share the
// machine's processors, so tokens/s depends on both; the daemon's processor time a token does not.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <string_view>
#include <vector>

#include "bench/engine/daemon.hpp"
#include "bench/engine/load.hpp"

namespace {

using namespace nanoflow;
using namespace nanoflow::bench;
using Clock = std::chrono::steady_clock;

constexpr int n_clients = 64;
constexpr double warm_up_s = 2, trace_s = 1;

/// From the end of each traced step to the begin of the next, microseconds, ascending: what the
/// daemon adds to a step.
std::vector<double> gaps_us(const wire::Json& trace) {
  std::map<long, std::pair<double, double>> steps;  // begin and end by number
  for (const auto& event : trace.at("traceEvents")) {
    const auto name = event.at("name").get<std::string>();
    if (!name.starts_with("step ")) continue;
    const double begin = event.at("ts").get<double>();
    steps[std::stol(name.substr(5))] = {begin, begin + event.at("dur").get<double>()};
  }
  std::vector<double> gaps;
  for (auto step = steps.begin(); step != steps.end(); ++step)
    if (const auto next = std::next(step); next != steps.end() && next->first == step->first + 1)
      gaps.push_back(next->second.first - step->second.second);
  std::sort(gaps.begin(), gaps.end());
  return gaps;
}

double quantile(const std::vector<double>& ascending, double part) {
  if (ascending.empty()) return 0;
  return ascending[static_cast<std::size_t>(part * static_cast<double>(ascending.size() - 1))];
}

void measure(const std::string& model, int n_live, double seconds) {
  DaemonLimits limits;
  if (n_live > limits.max_sequences)
    limits = {.max_sequences = 4096, .max_step_tokens = 8192, .max_waiting = n_live};
  Daemon daemon(model, limits);
  const Load load(daemon.endpoint(), {.n_clients = n_clients, .n_live = n_live});
  std::this_thread::sleep_for(std::chrono::duration<double>(warm_up_s));

  const auto begin = Clock::now();
  const double daemon_begin = daemon.cpu_seconds(), load_begin = load.cpu_seconds();
  const auto tokens_begin = load.n_tokens(), events_begin = load.n_events();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto tokens = static_cast<double>(load.n_tokens() - tokens_begin);
  const auto events = static_cast<double>(load.n_events() - events_begin);
  const double daemon_us = (daemon.cpu_seconds() - daemon_begin) * 1e6;
  const double load_us = (load.cpu_seconds() - load_begin) * 1e6;

  const auto gaps = gaps_us(daemon.ask(wire::Trace{trace_s}));
  std::printf("%6d %10.0f %14.2f %12.2f %13.1f %9.0f %9.0f %8zu\n", n_live, tokens / took,
              daemon_us / tokens, load_us / tokens, tokens / events, quantile(gaps, 0.5),
              quantile(gaps, 0.99), gaps.size());
  if (load.n_errors() > 0) std::printf("  %zu errors\n", std::size_t(load.n_errors()));
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 5;
  std::string model;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--seconds" && i + 1 < argc)
      seconds = std::atof(argv[++i]);
    else
      model = argv[i];
  }
  if (model.empty() || seconds <= 0) {
    std::fprintf(stderr, "usage: bench_engine MODEL [--seconds N]\n");
    return 2;
  }
  try {
    std::printf(
        "%u processors, shared by %d clients and the daemon; CPU time in microseconds a "
        "token\n%6s %10s %14s %12s %13s %9s %9s %8s\n",
        std::thread::hardware_concurrency(), n_clients, "live", "tokens/s", "daemon CPU us",
        "load CPU us", "tokens/event", "gap us", "p99 us", "steps");
    for (const int n_live : {n_clients, 10'000}) measure(model, n_live, seconds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_engine: %s\n", error.what());
    return 1;
  }
}
