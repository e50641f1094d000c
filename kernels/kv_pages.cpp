#include "kernels/kv_pages.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/symmetric.hpp"

namespace nanoflow::kernels {
namespace {

/// Where one head's K and V of a page begin.
struct Head {
  std::byte* k;
  std::byte* v;
};

/// One token's K and V of one head, at `place` (0 .. 31) of its page.
template <class T>
void store_token(const Head& head, const KvPages& pages, int place, const float* k,
                 const float* v) {
  T* keys = reinterpret_cast<T*>(head.k) + panel_lane(pages.element, place);
  T* values = reinterpret_cast<T*>(head.v) + static_cast<std::ptrdiff_t>(place) * panel_width;
  for (int d = 0; d < pages.head_dim; ++d) {
    const int column = panel_lane(pages.element, d % panel_width);
    keys[d * panel_width] = to_element<T>(k[d]);
    values[d / panel_width * kv_page_tokens * panel_width + column] = to_element<T>(v[d]);
  }
}

/// In lanes, so that the compiler makes vectors of it.
std::int32_t largest_magnitude(const float* x, int n) {
  constexpr int n_lanes = 8;
  std::int32_t lanes[n_lanes] = {};
  int i = 0;
  for (; i + n_lanes <= n; i += n_lanes) {
    for (int lane = 0; lane < n_lanes; ++lane)
      lanes[lane] = std::max(lanes[lane], magnitude_bits(x[i + lane]));
  }
  for (; i < n; ++i) lanes[0] = std::max(lanes[0], magnitude_bits(x[i]));
  return *std::max_element(lanes, lanes + n_lanes);
}

std::int8_t rounded(float x) {
  return static_cast<std::int8_t>(std::lrint(x));
}

void store_quantized_k(std::byte* to, int head_dim, int place, const float* k) {
  const auto [factor, scale] = symmetric_scale(largest_magnitude(k, head_dim), 127);
  reinterpret_cast<float*>(to)[place] = scale;
  auto* keys = reinterpret_cast<std::int8_t*>(to + kv_scale_bytes) + place * kv_quad;
  for (int quad = 0; quad < n_quads(head_dim); ++quad) {
    for (int i = 0; i < kv_quad; ++i) {
      const int d = quad * kv_quad + i;
      keys[quad_byte(i)] = d < head_dim ? rounded(k[d] * factor) : std::int8_t(0);
    }
    keys += kv_page_tokens * kv_quad;
  }
}

void store_quantized_v(std::byte* to, int head_dim, int place, const float* v) {
  const auto [factor, scale] = symmetric_scale(largest_magnitude(v, head_dim), 127);
  reinterpret_cast<float*>(to)[place] = scale;
  auto* values = reinterpret_cast<std::int8_t*>(to + kv_scale_bytes) +
                 place / kv_quad * panel_width * kv_quad + quad_byte(place % kv_quad);
  for (int d = 0; d < head_dim; ++d) {
    values[d / panel_width * panel_width * kv_page_tokens + d % panel_width * kv_quad] =
        rounded(v[d] * factor);
  }
}

template <>
void store_token<std::int8_t>(const Head& head, const KvPages& pages, int place, const float* k,
                              const float* v) {
  store_quantized_k(head.k, pages.head_dim, place, k);
  store_quantized_v(head.v, pages.head_dim, place, v);
}

template <class T>
void store(const KvPages& pages, const KvRows& sequence, const float* k, std::ptrdiff_t k_stride,
           const float* v, std::ptrdiff_t v_stride, Range rows) {
  for (int r = rows.begin; r < rows.end; ++r) {
    const int position = sequence.first_position + r;
    std::byte* data = page_data(pages, sequence, position);
    for (int h = 0; h < pages.n_kv_heads; ++h) {
      const std::ptrdiff_t head = static_cast<std::ptrdiff_t>(h) * pages.head_dim;
      store_token<T>({data + k_offset(pages, h), data + v_offset(pages, h)}, pages,
                     position % kv_page_tokens, k + r * k_stride + head, v + r * v_stride + head);
    }
  }
}

}  // namespace

void store_kv(const KvPages& pages, const KvRows& sequence, const float* k, std::ptrdiff_t k_stride,
              const float* v, std::ptrdiff_t v_stride, Range rows) {
  if (pages.element == Element::f32) {
    store<float>(pages, sequence, k, k_stride, v, v_stride, rows);
  } else if (pages.element == Element::bf16) {
    store<std::uint16_t>(pages, sequence, k, k_stride, v, v_stride, rows);
  } else {
    store<std::int8_t>(pages, sequence, k, k_stride, v, v_stride, rows);
  }
}

}  // namespace nanoflow::kernels
