// Rotary position embedding (Su et al., "RoFormer", 2021): pair i of a head is turned by position *
// frequency[i]: (a, b) becomes (a*cos - b*sin, b*cos + a*sin).
//
// Order: t = b*sin, then fma(a, cos, -t); t = a*sin, then fma(b, cos, t). The angle is the f32
// product position * frequency, as in the reference implementations, and its sine and cosine are
// libm's. Bytes 8*head_dim a head, FLOPs 3*head_dim.
#pragma once
#include <cstddef>

#include "kernels/isa.hpp"

namespace nanoflow::kernels {

enum class RopePairs {
  interleaved,  // (x[2i], x[2i+1])
  halves,       // (x[i], x[i + head_dim/2])
};

/// Sines and cosines of a step's rows, the same for all layers and heads that share the
/// frequencies.
struct RopeTable {
  RopePairs pairs = RopePairs::halves;
  int head_dim = 0;      // even
  float* cos = nullptr;  // [n_rows][head_dim / 2], times the magnitude
  float* sin = nullptr;  // likewise
};

/// Rows `rows` of the table from positions [rows.end] and inverse_frequencies [head_dim / 2]. Once
/// a step.
void fill_rope_table(const RopeTable& table, const int* positions, const float* inverse_frequencies,
                     float magnitude, Range rows);

/// x [rows.end][n_heads][head_dim], rows `stride` floats apart, is turned in place by the table's
/// same rows.
using ApplyRope = void(float* x, std::ptrdiff_t stride, int n_heads, const RopeTable& table,
                       Range rows);

ApplyRope apply_rope;
namespace ref {
ApplyRope apply_rope;
}
namespace avx2 {
ApplyRope apply_rope;
}
namespace avx512 {
ApplyRope apply_rope;
}

}  // namespace nanoflow::kernels
