// Keys and values in pages of 32 tokens: what store_kv writes and attention reads.
//
// A page of one layer holds, for each KV head, K as one panel [head_dim][32 positions] (scores of
// 32 positions are vector lanes), then V as panels [n_panels(head_dim)][32 positions][32
// dimensions]. See panels.hpp.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/isa.hpp"
#include "kernels/panels.hpp"

namespace nanoflow::kernels {

inline constexpr int kv_page_tokens = 32;

/// One layer's pages: page p begins at data + p * page_stride elements, 64-byte aligned.
struct KvPages {
  Element element = Element::bf16;
  int n_kv_heads = 0;
  int head_dim = 0;
  std::size_t page_stride = 0;  // elements between a page and the next: at least kv_page_elements
  void* data = nullptr;
};

/// Elements of one layer's page: a multiple of 32, for any head_dim. A page need not be cleared
/// before use.
constexpr std::size_t kv_page_elements(int n_kv_heads, int head_dim) {
  const auto values = static_cast<std::size_t>(n_panels(head_dim)) * panel_width;
  return static_cast<std::size_t>(n_kv_heads) * kv_page_tokens *
         (static_cast<std::size_t>(head_dim) + values);
}
/// Element offset, within a layer's page, of a head's K panel and of its first V panel.
constexpr std::size_t k_offset(const KvPages& pages, int kv_head) {
  return kv_page_elements(1, pages.head_dim) * static_cast<std::size_t>(kv_head);
}
constexpr std::size_t v_offset(const KvPages& pages, int kv_head) {
  return k_offset(pages, kv_head) + static_cast<std::size_t>(pages.head_dim) * kv_page_tokens;
}

/// Rows of one sequence within a step: row r (counted from the sequence's first) is at position
/// first_position + r.
struct KvRows {
  const std::int32_t* page_table = nullptr;  // [ceil((first_position + n_rows) / 32)]
  int first_position = 0;
};

/// Writes rows `rows` of k and v, each [rows.end][n_kv_heads][head_dim] with rows `stride` floats
/// apart, into the sequence's pages, rounded to their element. Rows may be stored in any order and
/// at the same time. Bytes: 8 read and 2 * element_bytes written for each number of K.
void store_kv(const KvPages& pages, const KvRows& sequence, const float* k, std::ptrdiff_t k_stride,
              const float* v, std::ptrdiff_t v_stride, Range rows);

}  // namespace nanoflow::kernels
