// Keys and values in pages of 32 tokens: what store_kv writes and attention reads.
//
// A page of one layer holds, for each KV head, its K and then its V:
//
//   f32        K as one panel [head_dim][32 positions] (scores of 32 positions are vector lanes),
//              V as panels [n_panels(head_dim)][32 positions][32 dimensions].
//   bf16       the same in pairs (panels.hpp): K [ceil(head_dim / 2)][32 positions][2 dimensions],
//              filled up with a zero, V [n_panels(head_dim)][32 / 2][32 dimensions][2 positions].
//   int8       K and V of each token have a scale of their own (symmetric.hpp, limit 127):
//              K [32] f32 scales, then [head_dim / 4][32 positions][4 dimensions] bytes; V [32]
//              f32 scales, then [n_panels(head_dim)][32 / 4][32 dimensions][4 positions]. Four
//              bytes lie in the order 0 2 1 3, so that the even ones and the odd ones, widened to
//              16 bits, are neighbours. head_dim is filled up to a multiple of 4 with zeros. K's
//              bytes are 128 larger, since VNNI multiplies unsigned bytes with signed ones.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/isa.hpp"
#include "kernels/panels.hpp"

namespace nanoflow::kernels {

inline constexpr int kv_page_tokens = 32;

/// One layer's pages: page p begins at data + p * page_stride bytes, 64-byte aligned.
struct KvPages {
  Element element = Element::bf16;  // f32, bf16 or int8
  int n_kv_heads = 0;
  int head_dim = 0;             // of int8, at most 512: a longer sum might not fit into 32 bits
  std::size_t page_stride = 0;  // bytes between a page and the next: at least kv_page_bytes
  void* data = nullptr;
};

/// Of bf16 pages: numbers that lie in one 32-bit word.
inline constexpr int kv_pair = 2;
constexpr int n_pairs(int n) {
  return (n + kv_pair - 1) / kv_pair;
}

/// Of int8 pages: numbers that lie in one 32-bit word, what K's bytes are too large by, the order
/// in a word, a head's scales.
inline constexpr int kv_quad = 4;
inline constexpr int key_offset = 128;
constexpr int n_quads(int n) {
  return (n + kv_quad - 1) / kv_quad;
}
constexpr int quad_byte(int i) {
  return (i & 1) * 2 + i / 2;
}
inline constexpr std::size_t kv_scale_bytes = kv_page_tokens * sizeof(float);

/// Bytes of one head's K and V in a page: multiples of 64.
constexpr std::size_t k_bytes(Element element, int head_dim) {
  const std::size_t tokens = kv_page_tokens;
  if (element == Element::int8)
    return kv_scale_bytes + tokens * static_cast<std::size_t>(n_quads(head_dim) * kv_quad);
  const int rows = element == Element::bf16 ? n_pairs(head_dim) * kv_pair : head_dim;
  return tokens * static_cast<std::size_t>(rows) * element_bytes(element);
}
constexpr std::size_t v_bytes(Element element, int head_dim) {
  const std::size_t tokens = kv_page_tokens;
  const auto columns = static_cast<std::size_t>(n_panels(head_dim)) * panel_width;
  if (element == Element::int8) return kv_scale_bytes + tokens * columns;
  return tokens * columns * element_bytes(element);
}
/// Bytes of one layer's page. A page need not be cleared before use.
constexpr std::size_t kv_page_bytes(Element element, int n_kv_heads, int head_dim) {
  return static_cast<std::size_t>(n_kv_heads) *
         (k_bytes(element, head_dim) + v_bytes(element, head_dim));
}
/// Byte offset, within a layer's page, of a head's K and of its V.
constexpr std::size_t k_offset(const KvPages& pages, int kv_head) {
  return kv_page_bytes(pages.element, 1, pages.head_dim) * static_cast<std::size_t>(kv_head);
}
constexpr std::size_t v_offset(const KvPages& pages, int kv_head) {
  return k_offset(pages, kv_head) + k_bytes(pages.element, pages.head_dim);
}

/// Rows of one sequence within a step: row r (counted from the sequence's first) is at position
/// first_position + r.
struct KvRows {
  const std::int32_t* page_table = nullptr;  // [ceil((first_position + n_rows) / 32)]
  int first_position = 0;
};

/// The layer's page that holds the position. (Always inlined, since files compiled for different
/// processors must not share one copy.)
[[gnu::always_inline]] inline std::byte* page_data(const KvPages& pages, const KvRows& sequence,
                                                   int position) {
  const auto page = static_cast<std::size_t>(sequence.page_table[position / kv_page_tokens]);
  return static_cast<std::byte*>(pages.data) + page * pages.page_stride;
}

/// Writes rows `rows` of k and v, each [rows.end][n_kv_heads][head_dim] with rows `stride` floats
/// apart, into the sequence's pages, rounded to their element. Rows may be stored in any order and
/// at the same time. Bytes: 8 read and two elements written for each number of K.
void store_kv(const KvPages& pages, const KvRows& sequence, const float* k, std::ptrdiff_t k_stride,
              const float* v, std::ptrdiff_t v_stride, Range rows);

}  // namespace nanoflow::kernels
