// Causal attention over pages: out[r][h] = sum over visible j of softmax_j(scale * q[r][h] .
// k[j][h']) v[j][h'], where h' = h / (n_heads / n_kv_heads) (grouped-query attention, Ainslie et
// al., 2023) and row r sees the positions (p - window, p], p being its own; all of [0, p] when
// window is 0. One kernel for prefill chunks and decode.
//
// Order, for each (row, head) on its own: positions are folded in blocks of 128 by absolute
// position, block 0 first, with a running maximum m and sum l (Milakov and Gimelshein, 2018;
// FlashAttention, Dao et al., 2022). A block without a visible position is passed over; in others
//
//   x[j] = q . k[j], one accumulator from 0, fma over head_dim ascending
//   m' = max(m, every visible x[j] * scale), c = exp(m - m')
//   p[j] = exp(fma(x[j], scale, -m')) where j is visible, else 0
//   l[i] = fma(l[i], c, sum of p[j] with j % 16 = i, ascending), 16 partial sums
//   o[d] = o[d] * c, then fma(p[j], v[j][d], o[d]) with j ascending
//
// and out = o / l at the end, where l is the sum of its parts 8, 4, 2 and 1 apart. With bf16 pages
// q and p (but not in l) are rounded to bf16, and of two neighbours, d or j even and the next one,
// the odd one is added first, as VDPBF16PS does. With int8 pages (kv_pages.hpp) the products are
// integers, whose sums are exact: q becomes 8 bits with one scale (symmetric.hpp, limit 127), as a
// token's K has them, and the weights, V's scales included, 16: a few of them may be much larger
// than most, which must not vanish. m is the maximum of what the weights are by, so that they are
// 1.07 at most:
//
//   x[j] = (sum of q8 * k8[j]) * k_scale[j], NaN where v_scale[j] is; q_scale * scale for scale
//   m' = max(m, every visible fma(x[j], scale, value_logarithm(v_scale[j])))
//   w16[j] = p[j] * (v_scale[j] * 30000), 0 where j is not visible
//   o[d] = fma(sum of w16[j] * v8[j][d], 1 / 30000, o[d] * c)
//
// exp is exp.hpp's for softmax. Nothing depends on other rows, heads or sequences.
// (Positions of a page that a row does not see are read all the same, and thrown away: where a
// sequence is split, its later rows are stored before its earlier ones attend, or after.)
//
// FLOPs 4 * head_dim for each (row, head, visible position); bytes: K and V of the context, once
// for each tile of 16 rows. Bound by memory while one row of each sequence attends.
#pragma once
#include <cstddef>

#include "kernels/exp.hpp"
#include "kernels/isa.hpp"
#include "kernels/kv_pages.hpp"

namespace nanoflow::kernels {

inline constexpr int attention_block = 128;     // positions folded at once
inline constexpr int attention_tile_rows = 16;  // rows that read K and V together
// With int8 pages: the largest number of a query, and what a weight of 1 becomes.
inline constexpr float query_limit = 127, weight_factor = 30000;

/// ln x, or up to 0.06 less, and at least -60: between two powers of two along a line. T is float
/// or F32x16.
template <class T>
[[gnu::always_inline]] inline T value_logarithm(T x) {
  const T log2_in_bits(0x1.62e43p-24F), at_zero(-88.0296919F);  // ln 2 / 2^23, -127 ln 2
  return at_least(fma(bits_as_number(x), log2_in_bits, at_zero), T(-60.0F));
}

struct AttentionShape {
  int n_heads = 0;  // a multiple of pages.n_kv_heads
  float scale = 1;  // multiplies q . k
  int window = 0;   // newest positions seen, the row's own included; 0: all
};

/// Floats of scratch that one call needs, for each thread its own; 64-byte aligned.
std::size_t attention_scratch_floats(int n_heads, int n_kv_heads, int head_dim);

/// q, out: [rows.end][n_heads][head_dim] of one sequence, rows `stride` floats apart; out may be q.
/// Computes the heads of kv_heads (query heads [kv_heads.begin * group, kv_heads.end * group)) for
/// the rows in `rows`. K and V of every position up to the last row's own must be stored.
using Attention = void(float* out, std::ptrdiff_t out_stride, const float* q,
                       std::ptrdiff_t q_stride, const KvPages& pages, const KvRows& sequence,
                       const AttentionShape& shape, float* scratch, Range rows, Range kv_heads);

Attention attention;
namespace ref {
Attention attention;
}
namespace avx2 {
Attention attention;
}
namespace avx512 {
Attention attention;
}
namespace avx512_bf16 {
Attention attention;
}

}  // namespace nanoflow::kernels
