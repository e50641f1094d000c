// out[i] = exp((in[i] - maximum) / temperature): the unnormalised softmax, with exp.hpp's
// exponential. The difference, the quotient and the exponential are rounded one by one. Bytes 8,
// FLOPs about 20 a number.
#pragma once
#include "kernels/isa.hpp"

namespace nanoflow::kernels {

/// in, out [n]; out may be in. Minus infinity gives 0.
using ScaledExp = void(float* out, const float* in, int n, float maximum, float temperature);

ScaledExp scaled_exp;
namespace ref {
ScaledExp scaled_exp;
}
namespace avx2 {
ScaledExp scaled_exp;
}
namespace avx512 {
ScaledExp scaled_exp;
}

}  // namespace nanoflow::kernels
