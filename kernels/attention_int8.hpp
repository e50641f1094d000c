// Attention's products with int8 pages: queries become integers of 8 bits, weights of 16. Only
// *_cpu.cpp files include this.
#pragma once
#include "kernels/attention_tile.hpp"
#include "kernels/symmetric.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

/// Of some vectors: the largest magnitude, a NaN above all.
struct Largest {
  __m256i bits = _mm256_setzero_si256();

  NANOFLOW_INLINE void add(F32x16 x) {
    add(low_half(x));
    add(high_half(x));
  }
  NANOFLOW_INLINE std::int32_t get() const {
    __m128i four = _mm_max_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1));
    return _mm_cvtsi128_si32(four);
  }

 private:
  NANOFLOW_INLINE void add(__m256 x) {
    const __m256i magnitude =
        _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7fffffff));
    bits = _mm256_max_epi32(bits, magnitude);
  }
};

NANOFLOW_INLINE std::int32_t sum_of_integers(__m256i x) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtsi128_si32(four);
}

/// Query i of the tile as integers, filled up with zeros.
inline void quantize_query(const Tile& tile, const float* query, int i) {
  const int head_dim = tile.pages.head_dim;
  Largest largest;
  for (int d = 0; d < head_dim; d += 16) largest.add(load_query(query, d, head_dim));
  const auto [factor, scale] = symmetric_scale(largest.get(), query_limit);
  const std::ptrdiff_t stride = tile.n() * kv_quad;
  QueryNumber* to = tile.quantized.queries + i * kv_quad;
  __m256i pairs = __m256i();
  for (int d = 0; d < tile.value_stride; d += 16, to += 4 * stride) {
    const __m256i numbers = to_16_bits(load_query(query, d, head_dim) * F32x16(factor));
    pairs = _mm256_add_epi32(pairs, _mm256_madd_epi16(numbers, _mm256_set1_epi16(1)));
    store_queries(to, stride, numbers);
  }
  tile.quantized.query_starts[i] = -key_offset * sum_of_integers(pairs);
  tile.quantized.query_scales[i] = scale * tile.shape.scale;
}

/// 32-bit products of whole pages, in the scores' place; invisible positions included.
inline void multiply_keys_int8(const Tile& tile, const TileBlock& block, LinesAhead& ahead) {
  for (int page = block.first_page(); page < block.end_page(); ++page) {
    const QuadPart<true> part{reinterpret_cast<const std::int8_t*>(block.k[page] + kv_scale_bytes),
                              tile.quantized.queries, n_quads(tile.pages.head_dim),
                              std::ptrdiff_t{tile.n()} * kv_quad};
    float* out = tile.scores + page * kv_page_tokens;
    const auto put = [&](int i, int column, I32x16 sums) {
      store_integers(out + i * attention_block + column,
                     sums + all_lanes(tile.quantized.query_starts[i]));
    };
    multiply_quads<true, kv_quad>({&part, 1, tile.n()}, put, ahead);
  }
}

/// The scales of the 16 positions from j on, counted from the block's first; of its k or v.
NANOFLOW_INLINE F32x16 load_scales(const std::byte* const (&pages)[block_pages], int j) {
  return load(reinterpret_cast<const float*>(pages[j / kv_page_tokens]) + j % kv_page_tokens);
}

/// What the block's softmax needs of K's and V's scales. Positions that nobody sees may get
/// anything.
inline void prepare_scales(const Tile& tile, const TileBlock& block) {
  for (int j = block.first_page() * kv_page_tokens; j < block.end - block.first; j += 16) {
    const F32x16 v_scales = load_scales(block.v, j);
    const F32x16 zero_or_nan = v_scales - v_scales;
    store(tile.quantized.key_scales + j, load_scales(block.k, j) + zero_or_nan);
    store(tile.quantized.value_logarithms + j, value_logarithm(v_scales));
    store(tile.quantized.value_factors + j, v_scales * F32x16(weight_factor));
  }
}

NANOFLOW_INLINE F32x16 product_int8(const Tile& tile, int i, int j) {
  const I32x16 product = load_integers(tile.scores + i * attention_block + j);
  return to_floats(product) * load(tile.quantized.key_scales + j);
}

/// o of every query: what it was, corrected, and the block's weighted values. Invisible positions
/// weigh 0.
inline void add_values_int8(const Tile& tile, const TileBlock& block, LinesAhead& ahead) {
  QuadPart<false> parts[block_pages];
  int n_parts = 0;
  for (int page = block.first_page(); page < block.end_page(); ++page) {
    const auto [first, end] = block.in_page(page);
    const int quad = first / kv_quad;
    const int place = page * kv_page_tokens + quad * kv_quad;
    parts[n_parts++] = {reinterpret_cast<const std::int8_t*>(block.v[page] + kv_scale_bytes) +
                            quad * kv_quad * panel_width,
                        tile.quantized.weights + place, n_quads(end) - quad, kv_quad};
  }
  for (int d = 0; d < tile.value_stride; d += panel_width) {
    const auto put = [&](int i, int column, I32x16 sums) {
      float* values = tile.values + i * tile.value_stride + d + column;
      const F32x16 corrected = load(values) * F32x16(tile.corrections[i]);
      store(values, fma(to_floats(sums), F32x16(1 / weight_factor), corrected));
    };
    multiply_quads<false, attention_block>({parts, n_parts, tile.n()}, put, ahead);
    for (int i = 0; i < n_parts; ++i) parts[i].panel += kv_page_tokens * panel_width;
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
