#include "kernels/quantize_rows.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace nanoflow::kernels::ref {

void quantize_rows(const QuantizedRows& out, const float* in, std::ptrdiff_t in_stride, Range rows,
                   Range inputs) {
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int begin = inputs.begin; begin < inputs.end; begin += span_inputs) {
      const int n = std::min(span_inputs, inputs.end - begin);
      const float* x = in + r * in_stride + begin;
      const QuantizedRows span = out.from(r, begin / span_inputs);
      float largest = 0;
      bool finite = true;
      for (int i = 0; i < n; ++i) {
        largest = std::max(largest, std::abs(x[i]));
        finite = finite && std::isfinite(x[i]);
      }
      const bool zero = largest < 0x1p-100F;
      const float factor = zero ? 0.0F : 127.0F / largest;
      std::int32_t sum = 0;
      for (int group = 0; group < n / group_inputs; ++group) {
        const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(group) * out.n_rows;
        std::int32_t group_sum = 0;
        for (int i = 0; i < group_inputs; ++i) {
          const float scaled = x[group * group_inputs + i] * factor;
          const auto q = static_cast<std::int8_t>(finite ? std::nearbyint(scaled) : 0.0F);
          span.values[at * group_inputs + i] = q;
          group_sum += q;
        }
        span.sums[at] = static_cast<float>(group_sum);
        sum += group_sum;
      }
      float scale = zero ? 0.0F : largest / 127.0F;
      if (!finite) scale = std::numeric_limits<float>::quiet_NaN();
      *span.scales = scale;
      *span.starts = -128 * sum;
    }
  }
}

}  // namespace nanoflow::kernels::ref
