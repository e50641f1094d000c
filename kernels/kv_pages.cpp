#include "kernels/kv_pages.hpp"

namespace nanoflow::kernels {
namespace {

/// One token's K and V of one layer, at `place` (0 .. 31) of its page.
template <class T>
void store_token(T* page, const KvPages& pages, int place, const float* k, const float* v) {
  const int lane = panel_lane(pages.element, place);
  for (int h = 0; h < pages.n_kv_heads; ++h) {
    T* keys = page + k_offset(pages, h);
    T* values = page + v_offset(pages, h) + static_cast<std::ptrdiff_t>(place) * panel_width;
    for (int d = 0; d < pages.head_dim; ++d) {
      const int column = panel_lane(pages.element, d % panel_width);
      keys[d * panel_width + lane] = to_element<T>(k[d]);
      values[d / panel_width * kv_page_tokens * panel_width + column] = to_element<T>(v[d]);
    }
    k += pages.head_dim;
    v += pages.head_dim;
  }
}

template <class T>
void store(const KvPages& pages, const KvRows& sequence, const float* k, std::ptrdiff_t k_stride,
           const float* v, std::ptrdiff_t v_stride, Range rows) {
  for (int r = rows.begin; r < rows.end; ++r) {
    const int position = sequence.first_position + r;
    const auto page = static_cast<std::size_t>(sequence.page_table[position / kv_page_tokens]);
    T* data = static_cast<T*>(pages.data) + page * pages.page_stride;
    store_token(data, pages, position % kv_page_tokens, k + r * k_stride, v + r * v_stride);
  }
}

}  // namespace

void store_kv(const KvPages& pages, const KvRows& sequence, const float* k, std::ptrdiff_t k_stride,
              const float* v, std::ptrdiff_t v_stride, Range rows) {
  if (pages.element == Element::f32) {
    store<float>(pages, sequence, k, k_stride, v, v_stride, rows);
  } else {
    store<std::uint16_t>(pages, sequence, k, k_stride, v, v_stride, rows);
  }
}

}  // namespace nanoflow::kernels
