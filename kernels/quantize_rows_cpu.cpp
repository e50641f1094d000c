#include "kernels/quantize_rows.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

/// Magnitudes order like integers, a NaN above all: one maximum finds both.
NANOFLOW_INLINE __m256i magnitudes(__m256 x) {
  return _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7fffffff));
}

NANOFLOW_INLINE std::int32_t largest_of(__m256i x) {
  __m128i four = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_max_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtsi128_si32(four);
}

NANOFLOW_INLINE std::int32_t sum_of(__m256i x) {
  __m128i four = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
  return _mm_cvtsi128_si32(four);
}

/// One group of one row.
void quantize_group(const QuantizedRows& out, const float* x) {
  constexpr int parts = group_inputs / 8;
  __m256 in[parts];
  __m256i largest = _mm256_setzero_si256();
#pragma GCC unroll 4
  for (int i = 0; i < parts; ++i) {
    in[i] = _mm256_loadu_ps(x + 8 * i);
    largest = _mm256_max_epi32(largest, magnitudes(in[i]));
  }
  const std::int32_t bits = largest_of(largest);
  const bool finite = bits < 0x7f800000;
  float magnitude;
  __builtin_memcpy(&magnitude, &bits, sizeof bits);
  const bool zero = magnitude < 0x1p-100F;
  const __m256 factor = _mm256_set1_ps(zero || !finite ? 0.0F : 127.0F / magnitude);
  __m256i q[parts];
#pragma GCC unroll 4
  for (int i = 0; i < parts; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(in[i], factor));
  if (!finite) {  // zeros: NaN times 0 would not convert to one
#pragma GCC unroll 4
    for (int i = 0; i < parts; ++i) q[i] = _mm256_setzero_si256();
  }
  const std::int32_t sum =
      sum_of(_mm256_add_epi32(_mm256_add_epi32(q[0], q[1]), _mm256_add_epi32(q[2], q[3])));
  float scale = zero ? 0.0F : magnitude / 127.0F;
  if (!finite) scale = __builtin_nanf("");
  *out.scales = scale;
  *out.offsets = scale * static_cast<float>(sum);
  *out.starts = -128 * sum;
  // Packing works within 128-bit lanes: the four-byte pieces come out as 0 2 4 6 1 3 5 7.
  const __m256i low = _mm256_packs_epi32(q[0], q[1]), high = _mm256_packs_epi32(q[2], q[3]);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.values), bytes);
}

}  // namespace

void quantize_rows(const QuantizedRows& out, const float* in, std::ptrdiff_t in_stride, Range rows,
                   Range groups) {
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int g = groups.begin; g < groups.end; ++g) {
      quantize_group(out.from(r, g),
                     in + r * in_stride + static_cast<std::ptrdiff_t>(g) * group_inputs);
    }
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
