#include <algorithm>
#include <cmath>

#include "kernels/f16.hpp"
#include "kernels/quantized_matmul.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels::ref {
namespace {

std::int32_t products(const std::int8_t* a, const WeightGroup& group) {
  std::int32_t sum = 0;
  for (int i = 0; i < group_inputs; ++i) sum += a[i] * group.values[i];
  return sum;
}

/// What the groups [first, end) of output n make of acc, or what they are without a's scale.
float int8_span(float acc, const QuantizedRows& a, const PackedMatrix& weights, int n, int first,
                int end) {
  std::int32_t sum = *a.starts;
  for (int g = first; g < end; ++g) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(g - first) * a.n_rows;
    sum += products(a.values + at * group_inputs, unpack_group(weights, n, g));
  }
  const float scale = from_f16(unpack_group(weights, n, first).scale);
  return std::fma(static_cast<float>(sum), scale * *a.scales, acc);
}
float int4_span(const QuantizedRows& a, const PackedMatrix& weights, int n, int first, int end) {
  float part = 0;
  for (int g = first; g < end; ++g) {
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(g - first) * a.n_rows;
    const WeightGroup group = unpack_group(weights, n, g);
    const std::int32_t sum = products(a.values + at * group_inputs, group);
    part = std::fma(static_cast<float>(sum), from_f16(group.scale), part);
    part = std::fma(from_f16(group.minimum), a.sums[at], part);
  }
  return part;
}

}  // namespace

void quantized_matmul(float* out, std::ptrdiff_t out_stride, const QuantizedRows& in,
                      const PackedMatrix& weights, const float* bias, Range rows, Range panels,
                      PagesAhead*) {
  const int n_groups = weights.n_inputs / group_inputs;
  const int last = std::min(panels.end * panel_width, weights.n_outputs);
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int n = panels.begin * panel_width; n < last; ++n) {
      float acc = 0;
      for (int span = 0; span < n_spans(weights.n_inputs); ++span) {
        const int first = span * groups_a_span;
        const int end = std::min(first + groups_a_span, n_groups);
        const QuantizedRows a = in.from(r, span);
        acc = weights.element == Element::int8
                  ? int8_span(acc, a, weights, n, first, end)
                  : std::fma(int4_span(a, weights, n, first, end), *a.scales, acc);
      }
      out[r * out_stride + n] = bias == nullptr ? acc : acc + bias[n];
    }
  }
}

}  // namespace nanoflow::kernels::ref
