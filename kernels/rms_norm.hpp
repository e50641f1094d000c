// out[r][i] = in[r][i] / sqrt(mean over i of in[r][i]^2 + eps) * (weight[i] + offset). Zhang and
// Sennrich, 2019.
//
// Order: 16 partial sums, the one of i % 16 takes fma(x, x, sum) with i ascending; then the sums 8
// apart, 4, 2 and 1 apart are added. Bytes 8*dim a row, FLOPs 4*dim.
#pragma once
#include <cstddef>

#include "kernels/isa.hpp"

namespace nanoflow::kernels {

struct NormWeights {
  const float* weight = nullptr;  // [dim]
  int dim = 0;
  float eps = 1e-5F;
  float offset = 0;
};

/// in, out: [rows.end][n_groups][dim], rows `stride` floats apart, groups dim apart; out may be in.
/// One group a row norms the residual stream, n_groups = n_heads norms every head of q or k.
using RmsNorm = void(float* out, std::ptrdiff_t out_stride, const float* in,
                     std::ptrdiff_t in_stride, const NormWeights& weights, int n_groups,
                     Range rows);

RmsNorm rms_norm;
namespace ref {
RmsNorm rms_norm;
}
namespace avx2 {
RmsNorm rms_norm;
}
namespace avx512 {
RmsNorm rms_norm;
}

}  // namespace nanoflow::kernels
