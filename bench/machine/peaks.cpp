#include "bench/machine/peaks.hpp"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "engine/device/limits.hpp"
#include "engine/device/mapped_memory.hpp"
#include "engine/device/processors.hpp"
#include "kernels/peaks/loops.hpp"

namespace nanoflow::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t bytes_a_thread = 128U << 20;
constexpr int repetitions = 5;

/// Runs work(thread), which returns what it did, on all threads at once, a few times; the best rate
/// of all together, a second.
double best_rate(int n_threads, const std::function<double(int thread)>& work) {
  const auto cpus = available_cpus();
  std::barrier<> together(n_threads);
  std::vector<double> done(n_threads), seconds(n_threads);
  double best = 0;
  const auto finish_round = [&] {
    double all = 0, longest = 0;
    for (int thread = 0; thread < n_threads; ++thread) {
      all += done[thread];
      longest = std::max(longest, seconds[thread]);
    }
    best = std::max(best, all / longest);
  };
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < n_threads; ++thread) {
    threads.emplace_back([&, thread] {
      pin_thread(cpus[thread % cpus.size()]);
      for (int repetition = 0; repetition < repetitions; ++repetition) {
        together.arrive_and_wait();
        const auto begin = Clock::now();
        done[thread] = work(thread);
        seconds[thread] = std::chrono::duration<double>(Clock::now() - begin).count();
        together.arrive_and_wait();
        if (thread == 0) finish_round();
      }
    });
  }
  threads.clear();
  return best;
}

}  // namespace

Peaks measure_peaks(int n_threads) {
  const kernels::PeakLoops* chosen = kernels::peak_loops();
  if (!chosen)
    throw std::runtime_error("this processor has no AVX2, whose peaks could be measured");
  const kernels::PeakLoops& loops = *chosen;
  const auto giga = [&](double (*loop)(long)) {
    constexpr long rounds = 10'000'000;
    return best_rate(n_threads, [loop](int) { return loop(rounds); }) * 1e-9;
  };
  Peaks peaks;
  peaks.f32 = giga(loops.f32);
  peaks.bf16 = giga(loops.bf16);
  peaks.int4 = giga(loops.int4);
  peaks.int8 = giga(loops.int8);

  MappedMemory memory(bytes_a_thread * n_threads);
  std::fill(memory.data(), memory.data() + memory.bytes(), std::byte{1});
  std::vector<std::uint64_t> kept(n_threads);
  peaks.read = 1e-9 * best_rate(n_threads, [&](int thread) {
                 kept[thread] +=
                     loops.read(memory.data() + thread * bytes_a_thread, bytes_a_thread);
                 return static_cast<double>(bytes_a_thread);
               });
  return peaks;
}

}  // namespace nanoflow::bench
