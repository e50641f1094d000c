// This machine's peaks, on one thread and on all, with each instruction set that it has: what the
// other benches' per cents are of.
#include <cstdio>
#include <exception>

#include "bench/machine/peaks.hpp"
#include "engine/device/device.hpp"
#include "engine/device/processors.hpp"
#include "kernels/isa.hpp"

using namespace nanoflow;

int main() {
  try {
    const auto chosen = kernels::current_isa();
    std::printf("%s; kernels chosen: %s\n", processor_name().c_str(),
                std::string(to_string(chosen)).c_str());
    std::printf("%-12s %8s %12s %12s %12s %12s %12s\n", "", "threads", "f32 GFLOP/s",
                "bf16 GFLOP/s", "int8 Gop/s", "int4 Gop/s", "read GB/s");
    using kernels::Isa;
    for (const Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx}) {
      if (!kernels::supported(isa)) continue;
      kernels::use_isa(isa);
      const int all = available_threads();
      for (int n = 1; n <= all; n = n < all ? all : all + 1) {
        const auto peaks = bench::measure_peaks(n);
        std::printf("%-12s %8d %12.1f %12.1f %12.1f %12.1f %12.1f\n",
                    std::string(to_string(isa)).c_str(), n, peaks.f32, peaks.bf16, peaks.int8,
                    peaks.int4, peaks.read);
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_machine: %s\n", error.what());
    return 1;
  }
}
