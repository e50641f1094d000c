#include "kernels/elementwise.hpp"

#include "kernels/activation.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

template <ActivationKind kind>
NANOFLOW_INLINE F32x16 activated(F32x16 gate, F32x16 up) {
  return (kind == ActivationKind::silu ? silu(gate) : gelu_tanh(gate)) * up;
}

template <ActivationKind kind>
void activate_row(float* out, const float* gate, const float* up, int n) {
  int i = 0;
  for (; i + 16 <= n; i += 16) store(out + i, activated<kind>(load(gate + i), load(up + i)));
  const int rest = n - i;
  if (rest > 0) store(out + i, activated<kind>(load(gate + i, rest), load(up + i, rest)), rest);
}

}  // namespace

void activate(float* out, std::ptrdiff_t out_stride, const float* gate, const float* up,
              std::ptrdiff_t in_stride, ActivationKind kind, Range rows, Range columns) {
  const auto row = kind == ActivationKind::silu ? activate_row<ActivationKind::silu>
                                                : activate_row<ActivationKind::gelu_tanh>;
  for (int r = rows.begin; r < rows.end; ++r) {
    const std::ptrdiff_t in = r * in_stride + columns.begin;
    row(out + r * out_stride + columns.begin, gate + in, up + in, columns.size());
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
