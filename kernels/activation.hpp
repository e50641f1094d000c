// The activations as formulas over float or F32x16, so that every version of the kernel has the
// same bits.
#pragma once
#include "kernels/exp.hpp"

namespace nanoflow::kernels {

template <class T>
[[gnu::always_inline]] inline T silu(T x) {
  return x / (T(1.0F) + exponential(T(0.0F) - x));
}

/// 1 + tanh(y) = 2 / (1 + exp(-2y)), so no tanh is needed and nothing cancels near 0.
template <class T>
[[gnu::always_inline]] inline T gelu_tanh(T x) {
  constexpr float sqrt_2_over_pi = 0.797884561F;
  const T inner = x * fma(T(0.044715F), x * x, T(1.0F));
  return x / (T(1.0F) + exponential(T(-2.0F * sqrt_2_over_pi) * inner));
}

}  // namespace nanoflow::kernels
