// The tile registers of AMX: eight of at most 16 rows x 64 bytes. Only *_amx.cpp files include
// this. (GCC 12's own intrinsics do not say that they read memory, and take no template argument
// for a register.)
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

inline constexpr int tile_rows_at_most = 16;

/// What ldtilecfg reads (Intel's manual, volume 1, 18.3).
struct alignas(64) TileConfiguration {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  void set(int tile, int n_rows, int n_bytes) {
    row_bytes[tile] = static_cast<std::uint16_t>(n_bytes);
    rows[tile] = static_cast<std::uint8_t>(n_rows);
  }
};

/// The tiles of this thread, from here to the end of its life. A thread whose tiles are in use is
/// slower to switch away from.
class TilesInUse {
 public:
  explicit TilesInUse(const TileConfiguration& configuration) {
    asm volatile("ldtilecfg %0" ::"m"(configuration));
  }
  ~TilesInUse() { asm volatile("tilerelease"); }
  TilesInUse(const TilesInUse&) = delete;
  TilesInUse& operator=(const TilesInUse&) = delete;
};

template <int tile>
NANOFLOW_INLINE void tile_load(const void* from, std::ptrdiff_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(tile) : "memory");
}
/// Of data that need not stay in the first-level cache.
template <int tile>
NANOFLOW_INLINE void tile_load_once(const void* from, std::ptrdiff_t stride) {
  asm volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(tile) : "memory");
}
template <int tile>
NANOFLOW_INLINE void tile_store(void* to, std::ptrdiff_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(tile) : "memory");
}
template <int tile>
NANOFLOW_INLINE void tile_zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(tile));
}
/// sums[r][c] += sum over k of a[r][k] * b[k / 4][4 * c + k % 4], signed bytes.
template <int sums, int a, int b>
NANOFLOW_INLINE void tile_products() {
  asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sums), "i"(a), "i"(b));
}
/// sums[r][c] += sum over k of a[r][k] * b[k / 2][2 * c + k % 2], bf16, in the order that
/// bf16_matmul.hpp gives.
template <int sums, int a, int b>
NANOFLOW_INLINE void tile_bf16_products() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sums), "i"(a), "i"(b));
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
