#include <algorithm>
#include <cmath>

#include "kernels/bf16_matmul.hpp"

namespace nanoflow::kernels::ref {

void bf16_matmul(float* out, std::ptrdiff_t out_stride, const Bf16Rows& in,
                 const PackedMatrix& weights, const float* bias, Range rows, Range panels,
                 PagesAhead*) {
  const int last = std::min(panels.end * panel_width, weights.n_outputs);
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int n = panels.begin * panel_width; n < last; ++n) {
      const std::uint16_t* panel = bf16_panel(weights, n / panel_width, 0);
      float sum = 0;
      for (int k = 0; k < weights.n_inputs; ++k) {
        const std::uint16_t a = in.from(r, k / block_inputs).values[k % block_inputs];
        const std::uint16_t w = panel[weight_place(Element::bf16, n % panel_width, k)];
        sum = std::fma(from_bf16(a), from_bf16(w), sum);
      }
      out[r * out_stride + n] = bias == nullptr ? sum : sum + bias[n];
    }
  }
}

}  // namespace nanoflow::kernels::ref
