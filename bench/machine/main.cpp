// This machine's peaks, on one thread and on all: what the other benches' per cents are of.
#include <cstdio>
#include <exception>

#include "bench/machine/peaks.hpp"
#include "engine/device/device.hpp"
#include "engine/device/processors.hpp"
#include "kernels/isa.hpp"

using namespace nanoflow;

int main() {
  try {
    std::printf("%s, %s\n", processor_name().c_str(),
                std::string(to_string(kernels::current_isa())).c_str());
    std::printf("%-10s %14s %14s %14s %14s\n", "threads", "f32 GFLOP/s", "int8 Gop/s", "int4 Gop/s",
                "read GB/s");
    const int all = available_threads();
    for (int n = 1; n <= all; n = n < all ? all : all + 1) {
      const auto peaks = bench::measure_peaks(n);
      std::printf("%-10d %14.1f %14.1f %14.1f %14.1f\n", n, peaks.f32, peaks.int8, peaks.int4,
                  peaks.read);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_machine: %s\n", error.what());
    return 1;
  }
}
