#include "kernels/quantize_rows.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace nanoflow::kernels::ref {

void quantize_rows(const QuantizedRows& out, const float* in, std::ptrdiff_t in_stride, Range rows,
                   Range groups) {
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int g = groups.begin; g < groups.end; ++g) {
      const float* x = in + r * in_stride + static_cast<std::ptrdiff_t>(g) * group_inputs;
      const QuantizedRows group = out.from(r, g);
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
        group.values[i] = finite ? static_cast<std::int8_t>(std::nearbyint(x[i] * factor)) : 0;
        sum += group.values[i];
      }
      float scale = zero ? 0.0F : largest / 127.0F;
      if (!finite) scale = std::numeric_limits<float>::quiet_NaN();
      *group.scales = scale;
      *group.offsets = scale * static_cast<float>(sum);
      *group.starts = -128 * sum;
    }
  }
}

}  // namespace nanoflow::kernels::ref
