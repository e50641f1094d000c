#include "kernels/rope.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

void turn_halves(float* head, const float* cos, const float* sin, int half) {
  for (int i = 0; i < half; i += 16) {
    const int n = half - i;
    const F32x16 a = n >= 16 ? load(head + i) : load(head + i, n);
    const F32x16 b = n >= 16 ? load(head + half + i) : load(head + half + i, n);
    const F32x16 c = n >= 16 ? load(cos + i) : load(cos + i, n);
    const F32x16 s = n >= 16 ? load(sin + i) : load(sin + i, n);
    const F32x16 turned_a = fms(a, c, b * s);
    const F32x16 turned_b = fma(b, c, a * s);
    if (n >= 16) {
      store(head + i, turned_a);
      store(head + half + i, turned_b);
    } else {
      store(head + i, turned_a, n);
      store(head + half + i, turned_b, n);
    }
  }
}

void turn_interleaved(float* head, const float* cos, const float* sin, int half) {
  for (int i = 0; i < half; ++i) {
    const float a = head[2 * i];
    const float b = head[2 * i + 1];
    const float b_sin = b * sin[i];
    const float a_sin = a * sin[i];
    head[2 * i] = __builtin_fmaf(a, cos[i], -b_sin);
    head[2 * i + 1] = __builtin_fmaf(b, cos[i], a_sin);
  }
}

}  // namespace

void apply_rope(float* x, std::ptrdiff_t stride, int n_heads, const RopeTable& table, Range rows) {
  const int half = table.head_dim / 2;
  const auto turn = table.pairs == RopePairs::halves ? turn_halves : turn_interleaved;
  for (int r = rows.begin; r < rows.end; ++r) {
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(r) * half;
    for (int h = 0; h < n_heads; ++h) {
      float* head = x + r * stride + static_cast<std::ptrdiff_t>(h) * table.head_dim;
      turn(head, table.cos + row, table.sin + row, half);
    }
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
