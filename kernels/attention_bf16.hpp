// Attention's products with bf16 pages. Only *_cpu.cpp files include this.
#pragma once
#include "kernels/attention_tile.hpp"
#include "kernels/panel_tile.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

/// Sixteen numbers as products with pairs take them.
NANOFLOW_INLINE void store_pair_inputs(PairInput* to, F32x16 x) {
#ifdef __AVX512BF16__
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                      reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x.v)));
#else
  store(to, rounded_to_bf16(x));
#endif
}

/// Query i of the tile, filled up with a zero.
inline void round_query(const Tile& tile, const float* query, int i) {
  PairInput* to = tile.paired.queries + i * tile.value_stride;
  for (int d = 0; d < tile.value_stride; d += 16)
    store_pair_inputs(to + d, load_query(query, d, tile.pages.head_dim));
}

/// A pair of positions of V, of which only the first one is seen: the other may be anything.
struct LastPair {
  alignas(64) std::uint16_t values[panel_width * kv_pair];

  explicit LastPair(const std::uint16_t* v) {
    for (int i = 0; i < panel_width * kv_pair; i += kv_pair) {
      values[i] = v[i];
      values[i + 1] = 0;
    }
  }
};

}  // namespace nanoflow::kernels::NANOFLOW_ISA
