// The queries of a tile, up to 16 rows with all heads that share a KV head, read K and V together:
// a page's K is a panel that the queries are multiplied with, its V panels are multiplied with the
// weights that the softmax makes of the scores.
#include "kernels/attention.hpp"
#include "kernels/exp.hpp"
#include "kernels/panel_tile.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {
namespace {

NANOFLOW_INLINE int larger(int a, int b) {
  return a > b ? a : b;
}

/// Query i is head i % group of row first_row + i / group. The arrays are in the scratch.
struct Tile {
  const KvPages& pages;
  const KvRows& sequence;
  const AttentionShape& shape;
  int kv_head = 0, end_kv_head = 0, group = 0, first_row = 0, n_rows = 0;
  int value_stride = 0;       // head_dim, filled up to whole panels
  float* scores = nullptr;    // [n][128], then the weights
  float* values = nullptr;    // [n][value_stride]: o
  float* queries = nullptr;   // [n][head_dim]
  float* maximums = nullptr;  // [n]
  float* sums = nullptr;      // [n]

  int n() const { return n_rows * group; }
  int position(int i) const { return sequence.first_position + first_row + i / group; }
  int first_visible(int i) const {
    return shape.window == 0 ? 0 : larger(0, position(i) - shape.window + 1);
  }
};

template <class T>
const T* page_of(const Tile& tile, int position) {
  const auto page = static_cast<std::size_t>(tile.sequence.page_table[position / kv_page_tokens]);
  return static_cast<const T*>(tile.pages.data) + page * tile.pages.page_stride;
}

void begin(Tile& tile, const float* q, std::ptrdiff_t q_stride) {
  const int head_dim = tile.pages.head_dim;
  for (int i = 0; i < tile.n(); ++i) {
    const int head = tile.kv_head * tile.group + i % tile.group;
    const float* query = q + (tile.first_row + i / tile.group) * q_stride +
                         static_cast<std::ptrdiff_t>(head) * head_dim;
    for (int d = 0; d < head_dim; ++d) tile.queries[i * head_dim + d] = query[d];
    for (int d = 0; d < tile.value_stride; ++d) tile.values[i * tile.value_stride + d] = 0;
    tile.maximums[i] = -__builtin_inff();
    tile.sums[i] = 0;
  }
}

// Pages lie anywhere and a head's part of one is a few KiB, too short for the processor to
// recognise a stream. So while a page's scores are computed its V is asked for, and while its V is
// added the K that comes a block later, line by line: more at once would only wait.

template <class T>
Ahead values_ahead(const Tile& tile, int position) {
  const T* v = page_of<T>(tile, position) + v_offset(tile.pages, tile.kv_head);
  return {reinterpret_cast<const char*>(v)};
}

/// The K that follows the page that holds `position` after a block: of this head or the next one.
template <class T>
Ahead keys_ahead(const Tile& tile, int position) {
  int kv_head = tile.kv_head, next = position + attention_block;
  if (next / kv_page_tokens > tile.position(tile.n() - 1) / kv_page_tokens) {
    if (kv_head + 1 < tile.end_kv_head) ++kv_head;
    const int first = tile.first_visible(0);
    next = larger(first, first / attention_block * attention_block + position % attention_block);
  }
  const T* k = page_of<T>(tile, next) + k_offset(tile.pages, kv_head);
  return {reinterpret_cast<const char*>(k)};
}

/// Scores of whole pages, from the one that holds `begin`; invisible positions included.
template <class T>
void score(const Tile& tile, int block, int begin, int end) {
  int position = begin / kv_page_tokens * kv_page_tokens;
  for (; position < end; position += kv_page_tokens) {
    const T* k = page_of<T>(tile, position) + k_offset(tile.pages, tile.kv_head);
    float* out = tile.scores + (position - block);
    for (int i = 0; i < tile.n(); ++i) {
      store(out + i * attention_block, F32x16());
      store(out + i * attention_block + 16, F32x16());
    }
    accumulate_panel(out, attention_block, tile.queries, tile.pages.head_dim, k,
                     tile.pages.head_dim, tile.n(), values_ahead<T>(tile, position));
  }
}

/// Lanes of the 16 positions from `first` that lie in `visible`; `other` elsewhere.
NANOFLOW_INLINE F32x16 masked(F32x16 x, int first, Range visible, float other) {
  return lanes_or(x, smaller(16, larger(0, visible.begin - first)),
                  smaller(16, larger(0, visible.end - first)), other);
}

/// Scores of query i become weights, its maximum, sum and values are brought up to date. `visible`
/// and n count from the block's first position.
void weigh(Tile& tile, int i, Range visible, int n) {
  float* scores = tile.scores + i * attention_block;
  if (visible.begin >= visible.end) {
    for (int j = 0; j < n; j += 16) store(scores + j, F32x16());
    return;
  }
  const F32x16 scale(tile.shape.scale);
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
  for (int position = begin; position < end;) {
    const int place = position % kv_page_tokens;
    const int n = smaller(kv_page_tokens - place, end - position);
    const T* v =
        page_of<T>(tile, position) + v_offset(tile.pages, tile.kv_head) + place * panel_width;
    Ahead ahead = keys_ahead<T>(tile, position);
    for (int d = 0; d < tile.value_stride; d += panel_width, v += kv_page_tokens * panel_width) {
      accumulate_panel(tile.values + d, tile.value_stride, tile.scores + (position - block),
                       attention_block, v, n, tile.n(), ahead);
      ahead.data += n * 64;
    }
    position += n;
  }
}

template <class T>
void fold_block(Tile& tile, int block) {
  const int end = smaller(block + attention_block, tile.position(tile.n() - 1) + 1);
  const int begin = larger(block, tile.first_visible(0));
  score<T>(tile, block, begin, end);
  for (int i = 0; i < tile.n(); ++i) {
    const Range visible{larger(block, tile.first_visible(i)), smaller(end, tile.position(i) + 1)};
    weigh(tile, i, {visible.begin - block, visible.end - block}, end - block);
  }
  add_values<T>(tile, block, begin, end);
}

template <class T>
void attend(Tile& tile) {
  const int last = tile.position(tile.n() - 1);
  int block = tile.first_visible(0) / attention_block * attention_block;
  for (; block <= last; block += attention_block) fold_block<T>(tile, block);
}

void finish(const Tile& tile, float* out, std::ptrdiff_t out_stride) {
  const int head_dim = tile.pages.head_dim;
  for (int i = 0; i < tile.n(); ++i) {
    const int head = tile.kv_head * tile.group + i % tile.group;
    float* result = out + (tile.first_row + i / tile.group) * out_stride +
                    static_cast<std::ptrdiff_t>(head) * head_dim;
    const float* values = tile.values + i * tile.value_stride;
    for (int d = 0; d < head_dim; ++d) result[d] = values[d] / tile.sums[i];
  }
}

}  // namespace

void attention(float* out, std::ptrdiff_t out_stride, const float* q, std::ptrdiff_t q_stride,
               const KvPages& pages, const KvRows& sequence, const AttentionShape& shape,
               float* scratch, Range rows, Range kv_heads) {
  Tile tile{pages, sequence, shape};
  tile.end_kv_head = kv_heads.end;
  tile.group = shape.n_heads / pages.n_kv_heads;
  tile.value_stride = n_panels(pages.head_dim) * panel_width;
  const int n = attention_tile_rows * tile.group;
  tile.scores = scratch;
  tile.values = tile.scores + n * attention_block;
  tile.queries = tile.values + n * tile.value_stride;
  tile.maximums = tile.queries + n * pages.head_dim;
  tile.sums = tile.maximums + n;
  for (int row = rows.begin; row < rows.end; row += attention_tile_rows) {
    tile.first_row = row;
    tile.n_rows = smaller(attention_tile_rows, rows.end - row);
    for (tile.kv_head = kv_heads.begin; tile.kv_head < kv_heads.end; ++tile.kv_head) {
      begin(tile, q, q_stride);
      if (pages.element == Element::f32) {
        attend<float>(tile);
      } else {
        attend<std::uint16_t>(tile);
      }
      finish(tile, out, out_stride);
    }
  }
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
