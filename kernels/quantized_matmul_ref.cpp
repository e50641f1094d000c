#include <algorithm>
#include <cmath>

#include "kernels/f16.hpp"
#include "kernels/quantized_matmul.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels::ref {

void quantized_matmul(float* out, std::ptrdiff_t out_stride, const QuantizedRows& in,
                      const PackedMatrix& weights, const float* bias, Range rows, Range panels) {
  const int n_groups = weights.n_inputs / group_inputs;
  const int last = std::min(panels.end * panel_width, weights.n_outputs);
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int n = panels.begin * panel_width; n < last; ++n) {
      float acc = 0;
      for (int g = 0; g < n_groups; ++g) {
        const WeightGroup group = unpack_group(weights, n, g);
        const QuantizedRows a = in.from(r, g);
        std::int32_t sum = weights.element == Element::int8 ? *a.starts : 0;
        for (int i = 0; i < group_inputs; ++i) sum += a.values[i] * group.values[i];
        acc = std::fma(static_cast<float>(sum), from_f16(group.scale) * *a.scales, acc);
        if (weights.element == Element::int4)
          acc = std::fma(from_f16(group.minimum), *a.offsets, acc);
      }
      out[r * out_stride + n] = bias == nullptr ? acc : acc + bias[n];
    }
  }
}

}  // namespace nanoflow::kernels::ref
