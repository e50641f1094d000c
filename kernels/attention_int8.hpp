// Attention's products with int8 pages: queries and weights become 16-bit integers. Only *_cpu.cpp
// files include this.
#pragma once
#include "kernels/attention_tile.hpp"
#include "kernels/quad_tile.hpp"
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

/// Rounds to nearest, ties to even, and writes four quads, `stride` numbers apart. Lanes that do not
/// fit into 16 bits may become anything.
NANOFLOW_INLINE void store_quads(std::int16_t* to, std::ptrdiff_t stride, F32x16 x) {
#ifdef __AVX512F__
  const __m256i packed = _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(x.v));
#else
  const __m256i packed = _mm256_permute4x64_epi64(
      _mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)), 0xd8);
#endif
  const __m128i low = _mm256_castsi256_si128(packed), high = _mm256_extracti128_si256(packed, 1);
  const auto store = [&](int quad, __m128i half) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + quad * stride), half);
  };
  store(0, low);
  store(1, _mm_unpackhi_epi64(low, low));
  store(2, high);
  store(3, _mm_unpackhi_epi64(high, high));
}

NANOFLOW_INLINE F32x16 load_integers(const std::int32_t* p) {
#ifdef __AVX512F__
  return F32x16(_mm512_cvtepi32_ps(_mm512_loadu_si512(p)));
#else
  return {_mm256_cvtepi32_ps(load_bytes(p)), _mm256_cvtepi32_ps(load_bytes(p + 8))};
#endif
}

inline constexpr float limit_16_bits = 32767;

/// Query i of the tile in 16 bits, filled up with zeros.
inline void quantize_query(const Tile& tile, const float* query, int i) {
  const int head_dim = tile.pages.head_dim;
  const auto part = [&](int d) {
    return d + 16 <= head_dim ? load(query + d) : load(query + d, larger(0, head_dim - d));
  };
  Largest largest;
  for (int d = 0; d < head_dim; d += 16) largest.add(part(d));
  const auto [factor, scale] = symmetric_scale(largest.get(), limit_16_bits);
  const std::ptrdiff_t stride = tile.n() * kv_quad;
  std::int16_t* to = tile.quantized.queries + i * kv_quad;
  for (int d = 0; d < tile.value_stride; d += 16, to += 4 * stride)
    store_quads(to, stride, part(d) * F32x16(factor));
  tile.quantized.query_scales[i] = scale * tile.shape.scale;
}

/// What a page's products do not ask for, since a head's scales make it longer: left out, each page
/// would wait for memory once.
NANOFLOW_INLINE void ask_rest(Ahead ahead, int asked, int lines) {
  for (int line = asked; line < lines; ++line) ahead.ask(line);
}

/// Scores of whole pages, from the one that holds `begin`; invisible positions included.
inline void score_int8(const Tile& tile, int block, int begin, int end) {
  const QuantizedTile& quantized = tile.quantized;
  const int quads = n_quads(tile.pages.head_dim);
  each_page(begin / kv_page_tokens * kv_page_tokens, end, [&](int position, int) {
    const std::byte* k = tile.k(position);
    for (int i = 0; i < tile.n(); ++i) {
      store(reinterpret_cast<float*>(quantized.products) + i * panel_width, F32x16());
      store(reinterpret_cast<float*>(quantized.products) + i * panel_width + 16, F32x16());
    }
    const Ahead ahead = values_ahead(tile, position);
    accumulate_quads(quantized.products, panel_width, quantized.queries, tile.n(),
                     reinterpret_cast<const std::int8_t*>(k + kv_scale_bytes), quads, tile.n(),
                     ahead);
    ask_rest(ahead, 2 * quads, lines_of_values(tile.pages));
    const F32x16 scales[2] = {load(reinterpret_cast<const float*>(k)),
                              load(reinterpret_cast<const float*>(k) + 16)};
    for (int i = 0; i < tile.n(); ++i) {
      const F32x16 query_scale(quantized.query_scales[i]);
      for (int half = 0; half < 2; ++half) {
        const F32x16 product = load_integers(quantized.products + i * panel_width + 16 * half);
        store(tile.scores + i * attention_block + (position - block) + 16 * half,
              product * scales[half] * query_scale);
      }
    }
  });
}

/// Weights of query i, multiplied by their V's scale, in 16 bits.
inline void quantize_weights(const Tile& tile, int i, int block, Range visible, int n) {
  float* weights = tile.scores + i * attention_block;
  Largest largest;
  for (int j = 0; j < n; j += 16) {
    F32x16 w;
    if (j < visible.end && j + 16 > visible.begin) {
      const auto* scales = reinterpret_cast<const float*>(tile.v(block + j));
      w = masked(load(weights + j) * load(scales + j % kv_page_tokens), j, visible, 0);
    }
    largest.add(w);
    store(weights + j, w);
  }
  const auto [factor, scale] = symmetric_scale(largest.get(), limit_16_bits);
  const std::ptrdiff_t stride = tile.n() * kv_quad;
  std::int16_t* to = tile.quantized.weights + i * kv_quad;
  for (int j = 0; j < n; j += 16, to += 4 * stride)
    store_quads(to, stride, load(weights + j) * F32x16(factor));
  tile.quantized.weight_scales[i] = scale;
}

/// Weighted values of the positions [begin, end), all in the block; invisible positions among them
/// weigh 0.
inline void add_values_int8(const Tile& tile, int block, int begin, int end) {
  const QuantizedTile& quantized = tile.quantized;
  const int n_values = tile.n() * tile.value_stride;
  for (int d = 0; d < n_values; d += 16)
    store(reinterpret_cast<float*>(quantized.products) + d, F32x16());
  each_page(begin / kv_quad * kv_quad, end, [&](int position, int n) {
    const int quads = n_quads(n);
    const auto* v = reinterpret_cast<const std::int8_t*>(tile.v(position) + kv_scale_bytes) +
                    position % kv_page_tokens * panel_width;
    Ahead ahead = keys_ahead(tile, position);
    ask_rest(ahead, 2 * quads * tile.value_stride / panel_width, lines_of_keys(tile.pages));
    for (int d = 0; d < tile.value_stride; d += panel_width) {
      accumulate_quads(quantized.products + d, tile.value_stride,
                       quantized.weights + (position - block) * tile.n(), tile.n(), v, quads,
                       tile.n(), ahead);
      v += kv_page_tokens * panel_width;
      ahead.data += quads * panel_width * kv_quad;
    }
  });
  for (int i = 0; i < tile.n(); ++i) {
    const F32x16 scale(quantized.weight_scales[i]);
    const std::int32_t* products = quantized.products + i * tile.value_stride;
    float* values = tile.values + i * tile.value_stride;
    for (int d = 0; d < tile.value_stride; d += 16)
      store(values + d, fma(load_integers(products + d), scale, load(values + d)));
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
