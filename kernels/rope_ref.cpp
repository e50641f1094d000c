#include <cmath>

#include "kernels/rope.hpp"

namespace nanoflow::kernels {

void fill_rope_table(const RopeTable& table, const int* positions, const float* inverse_frequencies,
                     float magnitude, Range rows) {
  const int half = table.head_dim / 2;
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int i = 0; i < half; ++i) {
      const float angle = static_cast<float>(positions[r]) * inverse_frequencies[i];
      table.cos[static_cast<std::ptrdiff_t>(r) * half + i] = std::cos(angle) * magnitude;
      table.sin[static_cast<std::ptrdiff_t>(r) * half + i] = std::sin(angle) * magnitude;
    }
  }
}

namespace ref {

void apply_rope(float* x, std::ptrdiff_t stride, int n_heads, const RopeTable& table, Range rows) {
  const int half = table.head_dim / 2;
  const bool interleaved = table.pairs == RopePairs::interleaved;
  for (int r = rows.begin; r < rows.end; ++r) {
    const float* cos = table.cos + static_cast<std::ptrdiff_t>(r) * half;
    const float* sin = table.sin + static_cast<std::ptrdiff_t>(r) * half;
    for (int h = 0; h < n_heads; ++h) {
      float* head = x + r * stride + static_cast<std::ptrdiff_t>(h) * table.head_dim;
      for (int i = 0; i < half; ++i) {
        float& a = head[interleaved ? 2 * i : i];
        float& b = head[interleaved ? 2 * i + 1 : i + half];
        const float b_sin = b * sin[i];
        const float a_sin = a * sin[i];
        a = std::fma(a, cos[i], -b_sin);
        b = std::fma(b, cos[i], a_sin);
      }
    }
  }
}

}  // namespace ref
}  // namespace nanoflow::kernels
