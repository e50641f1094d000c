// What attention's products with pages of any element share. Only *_cpu.cpp files include this.
#pragma once
#include "kernels/attention.hpp"
#include "kernels/panel_tile.hpp"

namespace nanoflow::kernels::NANOFLOW_ISA {

NANOFLOW_INLINE int larger(int a, int b) {
  return a > b ? a : b;
}

/// What products with int8 pages need, in the scratch.
struct QuantizedTile {
  std::int16_t* queries = nullptr;   // [value_stride / 4][n][4]
  std::int16_t* weights = nullptr;   // [128 / 4][n][4]
  std::int32_t* products = nullptr;  // [n][value_stride]
  float* query_scales = nullptr;     // [n], shape.scale included
  float* weight_scales = nullptr;    // [n]
};

/// Up to 16 rows with all heads that share a KV head: query i is head i % group of row first_row +
/// i / group. The arrays are in the scratch.
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

  QuantizedTile quantized;  // of int8 pages only

  Tile(const KvPages& of_pages, const KvRows& of_sequence, const AttentionShape& of_shape)
      : pages(of_pages), sequence(of_sequence), shape(of_shape) {}
  int n() const { return n_rows * group; }
  int position(int i) const { return sequence.first_position + first_row + i / group; }
  int last_position() const { return position(n() - 1); }
  int first_visible(int i) const {
    return shape.window == 0 ? 0 : larger(0, position(i) - shape.window + 1);
  }
  /// Where query i's head begins in rows `stride` floats apart.
  std::ptrdiff_t place_of(int i, std::ptrdiff_t stride) const {
    const int head = kv_head * group + i % group;
    return (first_row + i / group) * stride + static_cast<std::ptrdiff_t>(head) * pages.head_dim;
  }
  const std::byte* k(int position) const {
    return page_data(pages, sequence, position) + k_offset(pages, kv_head);
  }
  const std::byte* v(int position) const {
    return page_data(pages, sequence, position) + v_offset(pages, kv_head);
  }
};

// Pages lie anywhere and a head's part of one is a few KiB, too short for the processor to
// recognise a stream. So while a page's scores are computed its V is asked for, and while its V is
// added the K that comes a block later, line by line: more at once would only wait. The softmax
// between them, during which nothing would be read, asks for the first K of the next block.

NANOFLOW_INLINE Ahead values_ahead(const Tile& tile, int position) {
  return {reinterpret_cast<const char*>(tile.v(position))};
}

/// The K that follows the page that holds `position` after a block: of this head or the next one.
inline Ahead keys_ahead(const Tile& tile, int position) {
  int kv_head = tile.kv_head, next = position + attention_block;
  if (next / kv_page_tokens > tile.last_position() / kv_page_tokens) {
    if (kv_head + 1 < tile.end_kv_head) ++kv_head;
    const int first = tile.first_visible(0);
    next = larger(first, first / attention_block * attention_block + position % attention_block);
  }
  return {reinterpret_cast<const char*>(page_data(tile.pages, tile.sequence, next) +
                                        k_offset(tile.pages, kv_head))};
}

NANOFLOW_INLINE int lines_of_keys(const KvPages& pages) {
  return static_cast<int>(k_bytes(pages.element, pages.head_dim) / 64);
}
NANOFLOW_INLINE int lines_of_values(const KvPages& pages) {
  return static_cast<int>(v_bytes(pages.element, pages.head_dim) / 64);
}

/// Calls visit(position, n) for each page's part of [begin, end): n positions from `position` on.
template <class Visit>
NANOFLOW_INLINE void each_page(int begin, int end, const Visit& visit) {
  for (int position = begin; position < end;) {
    const int n = smaller(kv_page_tokens - position % kv_page_tokens, end - position);
    visit(position, n);
    position += n;
  }
}

/// Lanes of the 16 positions from `first` that lie in `visible`; `other` elsewhere.
NANOFLOW_INLINE F32x16 masked(F32x16 x, int first, Range visible, float other) {
  if (visible.begin <= first && first + 16 <= visible.end) return x;  // nearly always
  return lanes_or(x, smaller(16, larger(0, visible.begin - first)),
                  smaller(16, larger(0, visible.end - first)), other);
}

}  // namespace nanoflow::kernels::NANOFLOW_ISA
