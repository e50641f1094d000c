#include "kernels/scaled_exp.hpp"

#include "kernels/exp.hpp"
#include "kernels/simd.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

void scaled_exp(float* out, const float* in, int n, float maximum, float temperature) {
  const F32x16 max(maximum);
  const F32x16 divisor(temperature);
  int i = 0;
  for (; i + 16 <= n; i += 16) store(out + i, exponential((load(in + i) - max) / divisor));
  const int rest = n - i;
  if (rest > 0) store(out + i, exponential((load(in + i, rest) - max) / divisor), rest);
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
