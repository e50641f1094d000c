// Attention's softmax over a block of positions: products become weights. Only *_cpu.cpp files
// include this.
#pragma once
#include <type_traits>

#include "kernels/attention_bf16.hpp"
#include "kernels/attention_int8.hpp"
#include "kernels/exp.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

/// T is how pages hold a number: float, std::uint16_t for bf16, or std::int8_t.
template <class T>
inline constexpr bool in_int8 = std::is_same_v<T, std::int8_t>;
template <class T>
inline constexpr bool in_bf16 = std::is_same_v<T, std::uint16_t>;

/// q . k, K's scale included: the factor that makes it a score is query_scale.
template <class T>
NANOFLOW_INLINE F32x16 product(const Tile& tile, int i, int j) {
  if constexpr (in_int8<T>) {
    return product_int8(tile, i, j);
  } else {
    return load(tile.scores + i * attention_block + j);
  }
}
template <class T>
NANOFLOW_INLINE float query_scale(const Tile& tile, int i) {
  if constexpr (in_int8<T>) {
    return tile.quantized.query_scales[i];
  } else {
    return tile.shape.scale;
  }
}

/// Brings query i's maximum up to date.
template <class T>
inline void find_maximum(const Tile& tile, int i, Range visible) {
  float* products = tile.scores + i * attention_block;
  const F32x16 scale(query_scale<T>(tile, i));
  F32x16 highest(-__builtin_inff());
  each_sixteen(visible, [&](int j, const auto& mask) {
    F32x16 x = product<T>(tile, i, j);
    if constexpr (in_int8<T>) {
      store(products + j, x);
      x = fma(x, scale, load(tile.quantized.value_logarithms + j));
    }
    highest = at_least(mask(x, -__builtin_inff()), highest);
  });
  tile.corrections[i] = 0;
  if (visible.begin >= visible.end) return;  // such a block leaves all as it is
  const float reached = maximum_of_lanes(highest) * (in_int8<T> ? 1 : tile.shape.scale);
  const float maximum = kernels::at_least(reached, tile.maximums[i]);
  tile.corrections[i] = tile.maximums[i] - maximum;
  tile.maximums[i] = maximum;
}

/// Where the products take query i's weights of the positions from j on.
template <class T>
NANOFLOW_INLINE void put_weights(const Tile& tile, int i, int j, F32x16 weights) {
  if constexpr (in_int8<T>) {
    auto* to = tile.quantized.weights + i * attention_block + j;
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), weight_quads(to_16_bits(weights)));
  } else if constexpr (in_bf16<T>) {
    store_pair_inputs(tile.paired.weights + i * attention_block + j, weights);
  } else {
    store(tile.scores + i * attention_block + j, weights);
  }
}

/// Query i's products become weights, 0 for what it does not see, and its sums are brought up to
/// date.
template <class T>
inline void weigh(const Tile& tile, const TileBlock& block, int i, Range visible) {
  const float* products = tile.scores + i * attention_block;
  const F32x16 scale(query_scale<T>(tile, i)), maximum(tile.maximums[i]);
  const int n = block.end - block.first;
  F32x16 sum;
  each_sixteen(visible, [&](int j, const auto& mask) {
    const F32x16 p = softmax_exponential(fms(load(products + j), scale, maximum));
    sum = sum + mask(p, 0);
    F32x16 weights = p;
    if constexpr (in_int8<T>) weights = p * load(tile.quantized.value_factors + j);
    put_weights<T>(tile, i, j, mask(weights, 0));
  });
  for (int j = 0; j + 16 <= smaller(visible.begin, n); j += 16)
    put_weights<T>(tile, i, j, F32x16());
  for (int j = larger(0, visible.end + 15) / 16 * 16; j < n; j += 16)
    put_weights<T>(tile, i, j, F32x16());
  float* sums = tile.sums + i * 16;
  store(sums, fma(load(sums), F32x16(tile.corrections[i]), sum));
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
