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

/// 32 numbers in 8 bits, and their sum.
NANOFLOW_INLINE std::int32_t put_group(std::int8_t* to, const float* x, __m256 factor) {
  constexpr int parts = group_inputs / 8;
  __m256i q[parts];
#pragma GCC unroll 4
  for (int i = 0; i < parts; ++i)
    q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), factor));
  // Packing works within 128-bit lanes: the four-byte pieces come out as 0 2 4 6 1 3 5 7.
  const __m256i low = _mm256_packs_epi32(q[0], q[1]), high = _mm256_packs_epi32(q[2], q[3]);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), bytes);
  return sum_of(_mm256_add_epi32(_mm256_add_epi32(q[0], q[1]), _mm256_add_epi32(q[2], q[3])));
}

/// One span of one row, of n numbers.
void quantize_span(const QuantizedRows& out, const float* x, int n) {
  __m256i largest[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                        _mm256_setzero_si256()};
  for (int i = 0; i < n; i += 32) {
#pragma GCC unroll 4
    for (int part = 0; part < 4; ++part) {
      const __m256 in = _mm256_loadu_ps(x + i + 8 * part);
      largest[part] = _mm256_max_epi32(largest[part], magnitudes(in));
    }
  }
  const std::int32_t bits = largest_of(_mm256_max_epi32(_mm256_max_epi32(largest[0], largest[1]),
                                                        _mm256_max_epi32(largest[2], largest[3])));
  const bool finite = bits < 0x7f800000;
  float magnitude;
  __builtin_memcpy(&magnitude, &bits, sizeof bits);
  const bool zero = magnitude < 0x1p-100F;
  const __m256 factor = _mm256_set1_ps(127.0F / magnitude);
  std::int32_t sum = 0;
  for (int group = 0; group < n / group_inputs; ++group) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(group) * out.n_rows;
    std::int8_t* to = out.values + at * group_inputs;
    std::int32_t group_sum = 0;
    if (zero || !finite) {  // NaN times 0 would not convert to 0
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_setzero_si256());
    } else {
      group_sum = put_group(to, x + group * group_inputs, factor);
    }
    out.sums[at] = static_cast<float>(group_sum);
    sum += group_sum;
  }
  *out.scales = !finite ? __builtin_nanf("") : zero ? 0.0F : magnitude / 127.0F;
  *out.starts = -128 * sum;
}

}  // namespace

void quantize_rows(const QuantizedRows& out, const float* in, std::ptrdiff_t in_stride, Range rows,
                   Range inputs) {
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int begin = inputs.begin; begin < inputs.end; begin += span_inputs) {
      const int n = smaller(span_inputs, inputs.end - begin);
      quantize_span(out.from(r, begin / span_inputs), in + r * in_stride + begin, n);
    }
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
