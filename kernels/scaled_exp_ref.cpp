#include "kernels/scaled_exp.hpp"

#include "kernels/exp.hpp"

namespace nanoflow::kernels::ref {

void scaled_exp(float* out, const float* in, int n, float maximum, float temperature) {
  for (int i = 0; i < n; ++i) out[i] = exponential((in[i] - maximum) / temperature);
}

}  // namespace nanoflow::kernels::ref
