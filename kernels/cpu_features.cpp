// The numbers of leaves and bits: Intel's manual, volume 2, CPUID; of XCR0's: volume 1, 13.3.
#include "kernels/cpu_features.hpp"

#include <cpuid.h>

#include <cstdint>
#include <initializer_list>

namespace nanoflow::kernels {
namespace {

/// What CPUID answers about one leaf; zeros where it has none.
struct Leaf {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;

  explicit Leaf(unsigned number, unsigned part = 0) {
    __get_cpuid_count(number, part, &eax, &ebx, &ecx, &edx);
  }
};

bool has(std::uint64_t bits, std::initializer_list<unsigned> wanted) {
  for (const unsigned bit : wanted) {
    if ((bits >> bit & 1U) == 0) return false;
  }
  return true;
}

/// The register states that the operating system keeps.
std::uint64_t kept_states(const Leaf& basic) {
  constexpr unsigned osxsave = 27;
  if (!has(basic.ecx, {osxsave})) return 0;
  std::uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return std::uint64_t{high} << 32U | low;
}

}  // namespace

CpuFeatures cpu_features() {
  const Leaf basic(1), extended(7), more(7, 1);
  const std::uint64_t kept = kept_states(basic);
  CpuFeatures found;
  // FMA, AVX, F16C; AVX2. XCR0: SSE, AVX.
  found.avx2 = has(basic.ecx, {12, 28, 29}) && has(extended.ebx, {5}) && has(kept, {1, 2});
  // F, DQ, BW, VL; VNNI. XCR0: masks, and the registers' upper parts.
  found.avx512 = found.avx2 && has(extended.ebx, {16, 17, 30, 31}) && has(extended.ecx, {11}) &&
                 has(kept, {5, 6, 7});
  found.avx512_bf16 = found.avx512 && has(more.eax, {5});
  // BF16, TILE, INT8. XCR0: the tiles' configuration and data.
  found.amx = found.avx512_bf16 && has(extended.edx, {22, 24, 25}) && has(kept, {17, 18});
  const Leaf maker(0);
  found.amd = maker.ebx == signature_AMD_ebx && maker.ecx == signature_AMD_ecx &&
              maker.edx == signature_AMD_edx;
  return found;
}

}  // namespace nanoflow::kernels
