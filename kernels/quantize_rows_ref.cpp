#include "kernels/quantize_rows.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels::ref {

void quantize_rows(const QuantizedRows& out, const float* in, std::ptrdiff_t in_stride, Range rows,
                   Range groups) {
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int g = groups.begin; g < groups.end; ++g) {
      const float* x = in + r * in_stride + static_cast<std::ptrdiff_t>(g) * group_inputs;
      const std::ptrdiff_t group = static_cast<std::ptrdiff_t>(r) * (out.stride / group_inputs) + g;
      std::int8_t* values = out.values + group * group_inputs;
      float largest = 0;
      bool finite = true;
      for (int i = 0; i < group_inputs; ++i) {
        largest = std::max(largest, std::abs(x[i]));
        finite = finite && std::isfinite(x[i]);
      }
      const bool zero = largest < 0x1p-100F;
      const float factor = zero ? 0.0F : 127.0F / largest;
      std::int32_t sum = 0;
      for (int i = 0; i < group_inputs; ++i) {
        values[i] = finite ? static_cast<std::int8_t>(std::nearbyint(x[i] * factor)) : 0;
        sum += values[i];
      }
      float scale = zero ? 0.0F : largest / 127.0F;
      if (!finite) scale = std::numeric_limits<float>::quiet_NaN();
      out.scales[group] = scale;
      out.offsets[group] = scale * static_cast<float>(sum);
      out.starts[group] = -128 * sum;
    }
  }
}

}  // namespace nanoflow::kernels::ref
