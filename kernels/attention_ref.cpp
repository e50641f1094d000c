#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/attention.hpp"
#include "kernels/exp.hpp"
#include "kernels/lanes_ref.hpp"

namespace nanoflow::kernels {

std::size_t attention_scratch_floats(int n_heads, int n_kv_heads, int head_dim) {
  // Of each query of a tile: scores, values, the query itself, maximum and sum.
  const int query = attention_block + n_panels(head_dim) * panel_width + head_dim + 2;
  return static_cast<std::size_t>(attention_tile_rows) * (n_heads / n_kv_heads) * query;
}

namespace ref {
namespace {

/// One sequence's K and V of one head, by position and dimension.
struct Cache {
  const KvPages& pages;
  const KvRows& sequence;
  int kv_head;

  float at(std::size_t offset, int position) const {
    const auto page = static_cast<std::size_t>(sequence.page_table[position / kv_page_tokens]);
    const std::size_t i = page * pages.page_stride + offset;
    return pages.element == Element::f32
               ? static_cast<const float*>(pages.data)[i]
               : from_bf16(static_cast<const std::uint16_t*>(pages.data)[i]);
  }
  float k(int position, int d) const {
    const int lane = panel_lane(pages.element, position % kv_page_tokens);
    return at(k_offset(pages, kv_head) + static_cast<std::size_t>(d * panel_width + lane),
              position);
  }
  float v(int position, int d) const {
    const int row = d / panel_width * kv_page_tokens + position % kv_page_tokens;
    const int lane = panel_lane(pages.element, d % panel_width);
    return at(v_offset(pages, kv_head) + static_cast<std::size_t>(row * panel_width + lane),
              position);
  }
};

/// Running maximum and sum of one (row, head); its weighted values are kept by the caller in o.
struct Fold {
  float maximum = -std::numeric_limits<float>::infinity();
  float sum = 0;
};

/// Folds the visible positions, all within one block of 128, into o [head_dim].
void fold_block(Fold& fold, float* o, const float* q, const Cache& cache, float scale,
                Range visible) {
  const int head_dim = cache.pages.head_dim;
  std::array<float, attention_block> weights{};
  float maximum = fold.maximum;
  for (int j = visible.begin; j < visible.end; ++j) {
    float score = 0;
    for (int d = 0; d < head_dim; ++d) score = std::fma(q[d], cache.k(j, d), score);
    weights[j % attention_block] = score * scale;
    maximum = std::max(maximum, score * scale);
  }
  std::array<float, 16> lanes{};
  for (int j = visible.begin; j < visible.end; ++j) {
    float& weight = weights[j % attention_block];
    weight = exponential(weight - maximum);
    lanes[j % 16] += weight;
  }
  const float correction = exponential(fold.maximum - maximum);
  fold = {maximum, std::fma(fold.sum, correction, sum_of_lanes(lanes))};
  for (int d = 0; d < head_dim; ++d) o[d] *= correction;
  for (int j = visible.begin; j < visible.end; ++j) {
    for (int d = 0; d < head_dim; ++d)
      o[d] = std::fma(weights[j % attention_block], cache.v(j, d), o[d]);
  }
}

void attend(float* out, float* o, const float* q, const Cache& cache, const AttentionShape& shape,
            int position) {
  const int first = shape.window == 0 ? 0 : std::max(0, position - shape.window + 1);
  std::fill_n(o, cache.pages.head_dim, 0.0F);
  Fold fold;
  for (int block = first / attention_block * attention_block; block <= position;
       block += attention_block) {
    const Range visible{std::max(block, first), std::min(block + attention_block, position + 1)};
    fold_block(fold, o, q, cache, shape.scale, visible);
  }
  for (int d = 0; d < cache.pages.head_dim; ++d) out[d] = o[d] / fold.sum;
}

}  // namespace

void attention(float* out, std::ptrdiff_t out_stride, const float* q, std::ptrdiff_t q_stride,
               const KvPages& pages, const KvRows& sequence, const AttentionShape& shape,
               float* scratch, Range rows, Range kv_heads) {
  const int group = shape.n_heads / pages.n_kv_heads;
  for (int r = rows.begin; r < rows.end; ++r) {
    for (int h = kv_heads.begin * group; h < kv_heads.end * group; ++h) {
      const Cache cache{pages, sequence, h / group};
      const auto head = static_cast<std::ptrdiff_t>(h) * pages.head_dim;
      attend(out + r * out_stride + head, scratch, q + r * q_stride + head, cache, shape,
             sequence.first_position + r);
    }
  }
}

}  // namespace ref
}  // namespace nanoflow::kernels
