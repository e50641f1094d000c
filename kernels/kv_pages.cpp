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
  T* keys = reinterpret_cast<T*>(head.k) + place;
  T* values = reinterpret_cast<T*>(head.v) + static_cast<std::ptrdiff_t>(place) * panel_width;
  for (int d = 0; d < pages.head_dim; ++d) {
    keys[d * panel_width] = k[d];
    values[d / panel_width * kv_page_tokens * panel_width + d % panel_width] = v[d];
  }
}

template <>
void store_token<std::uint16_t>(const Head& head, const KvPages& pages, int place, const float* k,
                                const float* v) {
  auto* keys = reinterpret_cast<std::uint16_t*>(head.k) + place * kv_pair;
  auto* values = reinterpret_cast<std::uint16_t*>(head.v) +
                 place / kv_pair * panel_width * kv_pair + place % kv_pair;
  for (int pair = 0; pair < n_pairs(pages.head_dim); ++pair, keys += kv_page_tokens * kv_pair) {
    const int d = pair * kv_pair;
    keys[0] = to_bf16(k[d]);
    keys[1] = d + 1 < pages.head_dim ? to_bf16(k[d + 1]) : std::uint16_t{0};
  }
  for (int d = 0; d < pages.head_dim; ++d)
    values[d / panel_width * kv_page_tokens * panel_width + d % panel_width * kv_pair] =
        to_bf16(v[d]);
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

int rounded(float x) {
  return static_cast<int>(std::lrint(x));
}

void store_quantized_k(std::byte* to, int head_dim, int place, const float* k) {
  const auto [factor, scale] = symmetric_scale(largest_magnitude(k, head_dim), 127);
  reinterpret_cast<float*>(to)[place] = scale;
  auto* keys = reinterpret_cast<std::uint8_t*>(to + kv_scale_bytes) + place * kv_quad;
  for (int quad = 0; quad < n_quads(head_dim); ++quad) {
    for (int i = 0; i < kv_quad; ++i) {
      const int d = quad * kv_quad + i;
      const int key = d < head_dim ? rounded(k[d] * factor) : 0;
      keys[quad_byte(i)] = static_cast<std::uint8_t>(key + key_offset);
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
        static_cast<std::int8_t>(rounded(v[d] * factor));
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
