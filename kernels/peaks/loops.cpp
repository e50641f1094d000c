// In assembler, so that no compiler finds out that nothing is done with the sums. Twelve sums hide
// the latency of any of the instructions.
#include "kernels/peaks/loops.hpp"

#include <immintrin.h>

#ifdef __AMX_TILE__
#include "kernels/amx.hpp"
#endif

namespace nanoflow::kernels::peaks::NANOFLOW_ISA {
namespace {

// clang-format off
#define NANOFLOW_TWELVE(LINE) \
  LINE(0) LINE(1) LINE(2) LINE(3) LINE(4) LINE(5) LINE(6) LINE(7) LINE(8) LINE(9) LINE(10) LINE(11)
// clang-format on

/// A function that runs LINE on each of twelve sums, n times, and returns the operations: a LINE is
/// `products` products, each added to something.
#define NANOFLOW_LOOP(function, products, LINE)                                                  \
  double function(long n) {                                                                      \
    for (long round = 0; round < n; ++round)                                                     \
      asm volatile(NANOFLOW_TWELVE(LINE)::                                                       \
                       : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", \
                         "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");          \
    return 2.0 * 12 * (products) * static_cast<double>(n);                                       \
  }

#ifdef __AVX512F__

#define NANOFLOW_FMA(i) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #i "\n\t"
NANOFLOW_LOOP(f32, 16, NANOFLOW_FMA)

#ifdef __AMX_TILE__

/// Four sums, each of two tiles of inputs and two of weights used twice: n rounds of `product`, all
/// of a tile's `products`.
template <class Product>
double tile_loop(long n, int products, const Product& product) {
  namespace tiles = kernels::NANOFLOW_ISA;
  tiles::TileConfiguration configuration;
  for (int tile = 0; tile < 8; ++tile) configuration.set(tile, tiles::tile_rows_at_most, 64);
  const tiles::TilesInUse in_use(configuration);
  for (long round = 0; round < n; ++round) product();
  return 2.0 * 4 * products * static_cast<double>(n);
}
double bf16(long n) {
  return tile_loop(n, 16 * 16 * 32, [] {
    kernels::NANOFLOW_ISA::tile_bf16_products<0, 4, 6>();
    kernels::NANOFLOW_ISA::tile_bf16_products<1, 4, 7>();
    kernels::NANOFLOW_ISA::tile_bf16_products<2, 5, 6>();
    kernels::NANOFLOW_ISA::tile_bf16_products<3, 5, 7>();
  });
}
double int8(long n) {
  return tile_loop(n, 16 * 16 * 64, [] {
    kernels::NANOFLOW_ISA::tile_products<0, 4, 6>();
    kernels::NANOFLOW_ISA::tile_products<1, 4, 7>();
    kernels::NANOFLOW_ISA::tile_products<2, 5, 6>();
    kernels::NANOFLOW_ISA::tile_products<3, 5, 7>();
  });
}
double int4(long n) {
  return int8(n);
}

#else

#define NANOFLOW_INT8(i) "vpdpbusd %%zmm14, %%zmm15, %%zmm" #i "\n\t"
NANOFLOW_LOOP(int8, 64, NANOFLOW_INT8)
NANOFLOW_LOOP(int4, 64, NANOFLOW_INT8)
#ifdef __AVX512BF16__
#define NANOFLOW_BF16(i) "vdpbf16ps %%zmm14, %%zmm15, %%zmm" #i "\n\t"
NANOFLOW_LOOP(bf16, 32, NANOFLOW_BF16)
#else
NANOFLOW_LOOP(bf16, 16, NANOFLOW_FMA)
#endif

#endif

#else

#define NANOFLOW_FMA(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n\t"
// Without VNNI, products of 8 by 8 bits need sums of 32 bits; of 4 by 8 bits, some fit into 16.
#define NANOFLOW_INT8(i)                   \
  "vpmaddwd %%ymm14, %%ymm15, %%ymm13\n\t" \
  "vpaddd %%ymm13, %%ymm" #i ", %%ymm" #i "\n\t"
#define NANOFLOW_INT4(i)                     \
  "vpmaddubsw %%ymm14, %%ymm15, %%ymm13\n\t" \
  "vpaddw %%ymm13, %%ymm" #i ", %%ymm" #i "\n\t"
NANOFLOW_LOOP(f32, 8, NANOFLOW_FMA)
NANOFLOW_LOOP(bf16, 8, NANOFLOW_FMA)
NANOFLOW_LOOP(int8, 16, NANOFLOW_INT8)
NANOFLOW_LOOP(int4, 32, NANOFLOW_INT4)

#endif

std::uint64_t read(const std::byte* data, std::size_t n) {
  // Four streams, so that more than one page is on its way.
  constexpr std::size_t streams = 4;
  const std::size_t part = n / streams;
  __m256i sum[streams] = {};
  for (std::size_t i = 0; i < part; i += 64) {
    for (std::size_t stream = 0; stream < streams; ++stream) {
      const auto* at = reinterpret_cast<const __m256i*>(data + stream * part + i);
      const __m256i line = _mm256_xor_si256(_mm256_load_si256(at), _mm256_load_si256(at + 1));
      sum[stream] = _mm256_xor_si256(sum[stream], line);
    }
  }
  const __m256i all =
      _mm256_xor_si256(_mm256_xor_si256(sum[0], sum[1]), _mm256_xor_si256(sum[2], sum[3]));
  return static_cast<std::uint64_t>(_mm256_extract_epi64(all, 0) ^ _mm256_extract_epi64(all, 3));
}

}  // namespace

const PeakLoops loops{f32, bf16, int4, int8, read};

}  // namespace nanoflow::kernels::peaks::NANOFLOW_ISA
