#include <algorithm>
#include <cmath>

#include "kernels/matmul.hpp"
#include "kernels/round_rows.hpp"
#include "kernels/weight_groups.hpp"

namespace nanoflow::kernels {

std::size_t packed_bytes(Element element, int n_outputs, int n_inputs) {
  if (is_quantized(element)) {
    return groups_bytes(element, n_inputs / group_inputs) *
           static_cast<std::size_t>(n_panels(n_outputs));
  }
  const int padded = element == Element::f32 ? n_inputs : n_input_blocks(n_inputs) * block_inputs;
  return element_bytes(element) * static_cast<std::size_t>(n_panels(n_outputs)) * panel_width *
         static_cast<std::size_t>(padded);
}

namespace ref {

void matmul(float* out, std::ptrdiff_t out_stride, const float* in, std::ptrdiff_t in_stride,
            const PackedMatrix& weights, const float* bias, Range rows, Range panels) {
  const auto* data = static_cast<const float*>(weights.data);
  const int last = std::min(panels.end * panel_width, weights.n_outputs);
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int n = panels.begin * panel_width; n < last; ++n) {
      const float* panel =
          data + static_cast<std::size_t>(n / panel_width) * panel_width * weights.n_inputs;
      float sum = 0;
      for (int k = 0; k < weights.n_inputs; ++k) {
        const float w = panel[weight_place(Element::f32, n % panel_width, k)];
        sum = std::fma(in[r * in_stride + k], w, sum);
      }
      out[r * out_stride + n] = bias == nullptr ? sum : sum + bias[n];
    }
  }
}

}  // namespace ref
}  // namespace nanoflow::kernels
