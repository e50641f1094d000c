// What attention's products with pages of any element share. Only *_cpu.cpp files include this.
#pragma once
#include "kernels/attention.hpp"
#include "kernels/panel_tile.hpp"
#include "kernels/quad_tile.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

NANOFLOW_INLINE int larger(int a, int b) {
  return a > b ? a : b;
}

/// What products with bf16 pages multiply, in the scratch: rounded to bf16, of rows with an even
/// number of inputs.
struct PairedTile {
  PairInput* queries = nullptr;  // [n][value_stride]
  PairInput* weights = nullptr;  // [n][128]
};

/// What products with int8 pages need, in the scratch.
struct QuantizedTile {
  QueryNumber* queries = nullptr;        // [value_stride / 4][n][4], in quads
  std::int16_t* weights = nullptr;       // [n][128], in quads
  float* query_scales = nullptr;         // [n], shape.scale included
  std::int32_t* query_starts = nullptr;  // [n]: what takes K's offset away
  float* key_scales = nullptr;           // [128]: K's scales, NaN where V's are
  float* value_logarithms = nullptr;     // [128], of V's scales
  float* value_factors = nullptr;        // [128]: V's scales times weight_factor
};

/// Up to 16 rows with all heads that share a KV head: query i = row * group + head. The arrays are
/// in the scratch.
struct Tile {
  const KvPages& pages;
  const KvRows& sequence;
  const AttentionShape& shape;
  int kv_head = 0, end_kv_head = 0, group = 0, first_row = 0, n_rows = 0;
  int value_stride = 0;          // head_dim, filled up to whole panels
  float* scores = nullptr;       // [n][128]: products, scores, then weights
  float* values = nullptr;       // [n][value_stride]: o
  float* queries = nullptr;      // [n][value_stride]
  float* maximums = nullptr;     // [n]
  float* sums = nullptr;         // [n][16]: l
  float* corrections = nullptr;  // [n]: c of the block

  PairedTile paired;        // of bf16 pages only
  QuantizedTile quantized;  // of int8 pages only

  Tile(const KvPages& of_pages, const KvRows& of_sequence, const AttentionShape& of_shape)
      : pages(of_pages), sequence(of_sequence), shape(of_shape) {}
  int n() const { return n_rows * group; }
  // Of one of its rows, [0, n_rows).
  int position(int row) const { return sequence.first_position + first_row + row; }
  int last_position() const { return position(n_rows - 1); }
  int first_visible(int row) const {
    return shape.window == 0 ? 0 : larger(0, position(row) - shape.window + 1);
  }
  const std::byte* page(int position) const { return page_data(pages, sequence, position); }
  /// Calls use(i, place) for each query; its head begins there in rows `stride` floats apart.
  template <class Use>
  NANOFLOW_INLINE void each_query(std::ptrdiff_t stride, const Use& use) const {
    for (int row = 0, i = 0; row < n_rows; ++row) {
      std::ptrdiff_t place = (first_row + row) * stride +
                             static_cast<std::ptrdiff_t>(kv_head) * group * pages.head_dim;
      for (int head = 0; head < group; ++head, ++i, place += pages.head_dim) use(i, place);
    }
  }
};

/// Sixteen numbers of a query from d on, filled up with zeros.
NANOFLOW_INLINE F32x16 load_query(const float* query, int d, int head_dim) {
  return d + 16 <= head_dim ? load(query + d) : load(query + d, larger(0, head_dim - d));
}

inline constexpr int block_pages = attention_block / kv_page_tokens;

/// The positions that a tile folds at once, and where their pages are.
struct TileBlock {
  int first, begin, end;  // first is a multiple of 128, [begin, end) is what any query sees
  const std::byte *k[block_pages], *v[block_pages];  // of the pages from begin's to the last

  TileBlock(const Tile& tile, int kv_head, int of_first)
      : first(of_first),
        begin(larger(first, tile.first_visible(0))),
        end(smaller(first + attention_block, tile.last_position() + 1)) {
    for (int page = first_page(); page < end_page(); ++page) {
      const std::byte* data = tile.page(first + page * kv_page_tokens);
      k[page] = data + k_offset(tile.pages, kv_head);
      v[page] = data + v_offset(tile.pages, kv_head);
    }
  }
  int first_page() const { return (begin - first) / kv_page_tokens; }
  int end_page() const { return (end - first + kv_page_tokens - 1) / kv_page_tokens; }
  /// What a row sees, counted from the block's first position.
  Range visible(const Tile& tile, int row) const {
    return {larger(begin, tile.first_visible(row)) - first,
            smaller(end, tile.position(row) + 1) - first};
  }
  /// What any query sees of a page, counted from the page's first position.
  Range in_page(int page) const {
    const int page_first = first + page * kv_page_tokens;
    return {larger(begin - page_first, 0), smaller(end - page_first, kv_page_tokens)};
  }
};

/// Lanes of the 16 positions from `first` that lie in `visible`; `other` elsewhere.
NANOFLOW_INLINE F32x16 masked(F32x16 x, int first, Range visible, float other) {
  return lanes_or(x, smaller(16, larger(0, visible.begin - first)),
                  smaller(16, larger(0, visible.end - first)), other);
}

/// Calls fold(j, mask) for each 16 positions from j on that `visible` has a part of, a multiple of
/// 16. mask(x, other): x where they are visible; most often all are, which is known when compiled.
template <class Fold>
NANOFLOW_INLINE void each_sixteen(Range visible, const Fold& fold) {
  int j = visible.begin / 16 * 16;
  const auto part = [&](F32x16 x, float other) { return masked(x, j, visible, other); };
  if (j < visible.begin && j < visible.end) {
    fold(j, part);
    j += 16;
  }
  for (; j + 16 <= visible.end; j += 16) fold(j, [](F32x16 x, float) { return x; });
  if (j < visible.end) fold(j, part);
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
