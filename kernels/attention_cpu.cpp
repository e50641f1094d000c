// The queries of a tile, up to 16 rows with all heads that share a KV head, read K and V together:
// a page's K is a panel that the queries are multiplied with, its V panels are multiplied with the
// weights that the softmax makes of the scores.
#include "kernels/attention_int8.hpp"
#include "kernels/attention_tile.hpp"
#include "kernels/exp.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

/// T is how pages hold a number: float, std::uint16_t for bf16, or std::int8_t.
template <class T>
inline constexpr bool in_int8 = std::is_same_v<T, std::int8_t>;

template <class T>
void begin(Tile& tile, const float* q, std::ptrdiff_t q_stride) {
  const int head_dim = tile.pages.head_dim;
  for (int i = 0; i < tile.n(); ++i) {
    const float* query = q + tile.place_of(i, q_stride);
    if constexpr (in_int8<T>) {
      quantize_query(tile, query, i);
    } else {
      for (int d = 0; d < head_dim; ++d) tile.queries[i * head_dim + d] = query[d];
    }
    for (int d = 0; d < tile.value_stride; ++d) tile.values[i * tile.value_stride + d] = 0;
    tile.maximums[i] = -__builtin_inff();
    tile.sums[i] = 0;
  }
}

/// Scores of whole pages, from the one that holds `begin`; invisible positions included.
template <class T>
void score(const Tile& tile, int block, int begin, int end) {
  each_page(begin / kv_page_tokens * kv_page_tokens, end, [&](int position, int) {
    float* out = tile.scores + (position - block);
    for (int i = 0; i < tile.n(); ++i) {
      store(out + i * attention_block, F32x16());
      store(out + i * attention_block + 16, F32x16());
    }
    accumulate_panel(out, attention_block, tile.queries, tile.pages.head_dim,
                     reinterpret_cast<const T*>(tile.k(position)), tile.pages.head_dim, tile.n(),
                     values_ahead(tile, position));
  });
}

/// Scores of query i become weights, its maximum, sum and values are brought up to date. `visible`
/// and n count from the block's first position, a score is multiplied by `factor`.
void weigh(Tile& tile, int i, float factor, Range visible, int n) {
  float* scores = tile.scores + i * attention_block;
  if (visible.begin >= visible.end) {
    for (int j = 0; j < n; j += 16) store(scores + j, F32x16());
    return;
  }
  const F32x16 scale(factor);
  F32x16 highest(tile.maximums[i]);
  for (int j = 0; j < n; j += 16) {
    const F32x16 s = masked(load(scores + j) * scale, j, visible, -__builtin_inff());
    highest = at_least(s, highest);
    store(scores + j, s);
  }
  const float maximum = maximum_of_lanes(highest);
  F32x16 sum;
  for (int j = 0; j < n; j += 16) {
    const F32x16 p = masked(exponential(load(scores + j) - F32x16(maximum)), j, visible, 0);
    sum = sum + p;
    store(scores + j, p);
  }
  const float correction = exponential(tile.maximums[i] - maximum);
  tile.maximums[i] = maximum;
  tile.sums[i] = __builtin_fmaf(tile.sums[i], correction, sum_of_lanes(sum));
  float* values = tile.values + i * tile.value_stride;
  for (int d = 0; d < tile.value_stride; ++d) values[d] *= correction;
}

/// Weighted values of the positions [begin, end), all in the block; invisible positions among them
/// weigh 0.
template <class T>
void add_values(const Tile& tile, int block, int begin, int end) {
  each_page(begin, end, [&](int position, int n) {
    const T* v =
        reinterpret_cast<const T*>(tile.v(position)) + position % kv_page_tokens * panel_width;
    Ahead ahead = keys_ahead(tile, position);
    for (int d = 0; d < tile.value_stride; d += panel_width, v += kv_page_tokens * panel_width) {
      accumulate_panel(tile.values + d, tile.value_stride, tile.scores + (position - block),
                       attention_block, v, n, tile.n(), ahead);
      ahead.data += n * 64;
    }
  });
}

template <class T>
void fold_block(Tile& tile, int block) {
  const int end = smaller(block + attention_block, tile.last_position() + 1);
  const int begin = larger(block, tile.first_visible(0));
  if constexpr (in_int8<T>) {
    score_int8(tile, block, begin, end);
  } else {
    score<T>(tile, block, begin, end);
  }
  const Ahead keys = keys_ahead(tile, begin);
  const int lines = lines_of_keys(tile.pages), n = tile.n();
  for (int i = 0; i < n; ++i) {
    for (int line = lines * i / n; line < lines * (i + 1) / n; ++line) keys.ask(line);
    const Range visible{larger(block, tile.first_visible(i)) - block,
                        smaller(end, tile.position(i) + 1) - block};
    weigh(tile, i, in_int8<T> ? 1 : tile.shape.scale, visible, end - block);
    if constexpr (in_int8<T>) quantize_weights(tile, i, block, visible, end - block);
  }
  if constexpr (in_int8<T>) {
    add_values_int8(tile, block, begin, end);
  } else {
    add_values<T>(tile, block, begin, end);
  }
}

/// One head of one tile.
template <class T>
void attend(Tile& tile, const float* q, std::ptrdiff_t q_stride) {
  begin<T>(tile, q, q_stride);
  int block = tile.first_visible(0) / attention_block * attention_block;
  for (; block <= tile.last_position(); block += attention_block) fold_block<T>(tile, block);
}

void finish(const Tile& tile, float* out, std::ptrdiff_t out_stride) {
  const int head_dim = tile.pages.head_dim;
  for (int i = 0; i < tile.n(); ++i) {
    float* result = out + tile.place_of(i, out_stride);
    const float* values = tile.values + i * tile.value_stride;
    for (int d = 0; d < head_dim; ++d) result[d] = values[d] / tile.sums[i];
  }
}

/// The tile's arrays in the scratch, as attention_scratch_floats counts them.
Tile place(const KvPages& pages, const KvRows& sequence, const AttentionShape& shape,
           float* scratch) {
  Tile tile(pages, sequence, shape);
  tile.group = shape.n_heads / pages.n_kv_heads;
  tile.value_stride = n_panels(pages.head_dim) * panel_width;
  const auto take = [&, n = attention_tile_rows * tile.group](int floats) {
    float* taken = scratch;
    scratch += n * floats;
    return taken;
  };
  tile.scores = take(attention_block);
  tile.values = take(tile.value_stride);
  tile.queries = take(tile.value_stride);
  tile.quantized.queries = reinterpret_cast<std::int16_t*>(tile.queries);
  tile.quantized.products = reinterpret_cast<std::int32_t*>(take(tile.value_stride));
  tile.quantized.weights = reinterpret_cast<std::int16_t*>(take(attention_block / 2));
  tile.maximums = take(1);
  tile.sums = take(1);
  tile.quantized.query_scales = take(1);
  tile.quantized.weight_scales = take(1);
  return tile;
}

}  // namespace

void attention(float* out, std::ptrdiff_t out_stride, const float* q, std::ptrdiff_t q_stride,
               const KvPages& pages, const KvRows& sequence, const AttentionShape& shape,
               float* scratch, Range rows, Range kv_heads) {
  Tile tile = place(pages, sequence, shape, scratch);
  tile.end_kv_head = kv_heads.end;
  for (int row = rows.begin; row < rows.end; row += attention_tile_rows) {
    tile.first_row = row;
    tile.n_rows = smaller(attention_tile_rows, rows.end - row);
    for (tile.kv_head = kv_heads.begin; tile.kv_head < kv_heads.end; ++tile.kv_head) {
      if (pages.element == Element::f32) {
        attend<float>(tile, q, q_stride);
      } else if (pages.element == Element::bf16) {
        attend<std::uint16_t>(tile, q, q_stride);
      } else {
        attend<std::int8_t>(tile, q, q_stride);
      }
      finish(tile, out, out_stride);
    }
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
