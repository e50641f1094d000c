#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/attention.hpp"
#include "kernels/exp.hpp"
#include "kernels/lanes_ref.hpp"
#include "kernels/symmetric.hpp"

namespace nanoflow::kernels {

std::size_t attention_scratch_floats(int n_heads, int n_kv_heads, int head_dim) {
  // Of each query of a tile: scores, values, the query itself, sums, maximum and correction; of
  // int8 pages also the weights in 16 bits, and the scales of query and weights; and V's factors
  // once.
  const int query = attention_block * 3 / 2 + n_panels(head_dim) * panel_width * 2 + 21;
  return static_cast<std::size_t>(attention_tile_rows) * (n_heads / n_kv_heads) * query +
         3 * attention_block;
}

namespace ref {
namespace {

/// One sequence's K and V of one head, by position and dimension.
struct Cache {
  const KvPages& pages;
  const KvRows& sequence;
  int kv_head;

  float k(int position, int d) const {
    const int place = position % kv_page_tokens;
    if (pages.element == Element::f32) return floats(k_data(position))[d * panel_width + place];
    return paired(k_data(position), d / kv_pair * panel_width + place, d);
  }
  float v(int position, int d) const {
    const int place = position % kv_page_tokens, panel = d / panel_width, column = d % panel_width;
    if (pages.element == Element::f32)
      return floats(v_data(position))[(panel * kv_page_tokens + place) * panel_width + column];
    const int row = panel * (kv_page_tokens / kv_pair) + place / kv_pair;
    return paired(v_data(position), row * panel_width + column, position);
  }
  // Of int8 pages.
  float k_scale(int position) const { return scale(k_data(position), position); }
  float v_scale(int position) const { return scale(v_data(position), position); }
  std::int32_t k_integer(int position, int d) const {
    const int quad = d / kv_quad * kv_page_tokens + position % kv_page_tokens;
    return static_cast<std::uint8_t>(integer(k_data(position), quad, d)) - key_offset;
  }
  std::int32_t v_integer(int position, int d) const {
    const int row =
        d / panel_width * (kv_page_tokens / kv_quad) + position % kv_page_tokens / kv_quad;
    return integer(v_data(position), row * panel_width + d % panel_width, position);
  }

 private:
  const std::byte* k_data(int position) const {
    return page_data(pages, sequence, position) + k_offset(pages, kv_head);
  }
  const std::byte* v_data(int position) const {
    return page_data(pages, sequence, position) + v_offset(pages, kv_head);
  }
  static const float* floats(const std::byte* data) { return reinterpret_cast<const float*>(data); }
  static float paired(const std::byte* data, int pair, int i) {
    return from_bf16(reinterpret_cast<const std::uint16_t*>(data)[pair * kv_pair + i % kv_pair]);
  }
  static float scale(const std::byte* data, int position) {
    return floats(data)[position % kv_page_tokens];
  }
  static std::int32_t integer(const std::byte* data, int quad, int i) {
    const auto* bytes = reinterpret_cast<const std::int8_t*>(data + kv_scale_bytes);
    return bytes[quad * kv_quad + quad_byte(i % kv_quad)];
  }
};

SymmetricScale scale_of(const float* x, int n, float limit) {
  std::int32_t largest = 0;
  for (int i = 0; i < n; ++i) largest = std::max(largest, magnitude_bits(x[i]));
  return symmetric_scale(largest, limit);
}
std::int32_t to_integer(float x) {
  return std::isfinite(x) ? std::clamp(static_cast<std::int32_t>(std::lrint(x)), -32768, 32767) : 0;
}

/// sum += a[i] * b(i) for i in [begin, end), ascending; with bf16 pages of each pair the odd one
/// first, and a rounded to bf16.
template <class B>
float add_products(float sum, const float* a, Range range, Element element, const B& b) {
  if (element == Element::f32) {
    for (int i = range.begin; i < range.end; ++i) sum = std::fma(a[i], b(i), sum);
    return sum;
  }
  for (int pair = range.begin / kv_pair * kv_pair; pair < range.end; pair += kv_pair)
    for (int i = pair + 1; i >= pair; --i)
      if (range.begin <= i && i < range.end) sum = std::fma(from_bf16(to_bf16(a[i])), b(i), sum);
  return sum;
}

/// x of the positions `visible`, [position % 128]; returns what makes them scores.
float multiply_keys(float* products, const float* q, const Cache& cache, float scale,
                    Range visible) {
  const int head_dim = cache.pages.head_dim;
  if (cache.pages.element == Element::int8) {
    const auto query = scale_of(q, head_dim, query_limit);
    for (int j = visible.begin; j < visible.end; ++j) {
      std::int32_t product = 0;
      for (int d = 0; d < head_dim; ++d)
        product += to_integer(q[d] * query.factor) * cache.k_integer(j, d);
      const float zero_or_nan = cache.v_scale(j) - cache.v_scale(j);
      products[j % attention_block] =
          static_cast<float>(product) * (cache.k_scale(j) + zero_or_nan);
    }
    return query.scale * scale;
  }
  for (int j = visible.begin; j < visible.end; ++j) {
    products[j % attention_block] = add_products(0, q, {0, head_dim}, cache.pages.element,
                                                 [&](int d) { return cache.k(j, d); });
  }
  return scale;
}

void add_values(float* o, const std::array<float, attention_block>& weights, const Cache& cache,
                Range visible) {
  const int head_dim = cache.pages.head_dim;
  if (cache.pages.element == Element::int8) {
    for (int d = 0; d < head_dim; ++d) {
      std::int32_t product = 0;
      for (int j = visible.begin; j < visible.end; ++j) {
        const float weight = weights[j % attention_block] * (cache.v_scale(j) * weight_factor);
        product += to_integer(weight) * cache.v_integer(j, d);
      }
      o[d] = std::fma(static_cast<float>(product), 1 / weight_factor, o[d]);
    }
    return;
  }
  const int block = visible.begin / attention_block * attention_block;
  for (int d = 0; d < head_dim; ++d)
    o[d] = add_products(o[d], weights.data(), {visible.begin - block, visible.end - block},
                        cache.pages.element, [&](int j) { return cache.v(block + j, d); });
}

/// Running maximum and sum of one (row, head); its weighted values are kept by the caller in o.
struct Fold {
  float maximum = -std::numeric_limits<float>::infinity();
  std::array<float, 16> sums{};  // l, by position % 16
};

/// Folds the visible positions, all within one block of 128, into o [head_dim].
void fold_block(Fold& fold, float* o, const float* q, const Cache& cache, float scale,
                Range visible) {
  std::array<float, attention_block> weights{};
  scale = multiply_keys(weights.data(), q, cache, scale, visible);
  float maximum = fold.maximum;
  const bool in_int8 = cache.pages.element == Element::int8;
  for (int j = visible.begin; j < visible.end; ++j) {
    const float product = weights[j % attention_block];
    maximum =
        std::max(maximum, in_int8 ? std::fma(product, scale, value_logarithm(cache.v_scale(j)))
                                  : product * scale);
  }
  std::array<float, 16> lanes{};
  for (int j = visible.begin; j < visible.end; ++j) {
    float& weight = weights[j % attention_block];
    weight = softmax_exponential(std::fma(weight, scale, -maximum));
    lanes[j % 16] += weight;
  }
  const float correction = softmax_exponential(fold.maximum - maximum);
  fold.maximum = maximum;
  for (std::size_t i = 0; i < lanes.size(); ++i)
    fold.sums[i] = std::fma(fold.sums[i], correction, lanes[i]);
  for (int d = 0; d < cache.pages.head_dim; ++d) o[d] *= correction;
  add_values(o, weights, cache, visible);
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
  const float sum = sum_of_lanes(fold.sums);
  for (int d = 0; d < cache.pages.head_dim; ++d) out[d] = o[d] / sum;
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
