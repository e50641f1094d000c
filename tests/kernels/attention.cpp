#include "kernels/attention.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

#include "fixture.hpp"

using namespace nanoflow::kernels;
using namespace nanoflow::kernels::test;

namespace {

struct Case {
  Element element;
  int n_heads, n_kv_heads, head_dim, window, context, n_rows;  // the last n_rows of context attend
};

/// A sequence whose K and V lie in pages handed out in reverse, among pages of others full of NaN.
struct Sequence {
  Case c;
  std::vector<float> k, v, q;  // [context][n_kv_heads][head_dim], q [n_rows][n_heads][head_dim]
  std::vector<std::int32_t> table;
  Panels memory;
  KvPages pages;
  KvRows rows;

  explicit Sequence(const Case& shape)
      : c(shape),
        k(random_floats(static_cast<std::size_t>(c.context) * c.n_kv_heads * c.head_dim, 11)),
        v(random_floats(k.size(), 12)),
        q(random_floats(static_cast<std::size_t>(c.n_rows) * c.n_heads * c.head_dim, 13)),
        table((c.context + 31) / 32),
        memory((table.size() + 2) * page_bytes()),
        pages{c.element, c.n_kv_heads, c.head_dim, page_bytes(), memory.data()},
        rows{table.data(), c.context - c.n_rows} {
    std::iota(table.rbegin(), table.rend(), 1);
    std::memset(pages.data, 0xff, (table.size() + 2) * page_bytes());
    const int stride = c.n_kv_heads * c.head_dim;
    store_kv(pages, {table.data(), 0}, k.data(), stride, v.data(), stride, {0, c.context});
  }
  std::size_t page_bytes() const { return kv_page_bytes(c.element, c.n_kv_heads, c.head_dim) + 64; }
  int stride() const { return c.n_heads * c.head_dim; }

  std::vector<float> run(Attention* kernel, Range which, Range kv_heads) const {
    std::vector<float> scratch(attention_scratch_floats(c.n_heads, c.n_kv_heads, c.head_dim), NAN);
    std::vector<float> out(q.size(), 0);
    const AttentionShape shape{c.n_heads, 1 / std::sqrt(static_cast<float>(c.head_dim)), c.window};
    kernel(out.data(), stride(), q.data(), stride(), pages, rows, shape, scratch.data(), which,
           kv_heads);
    return out;
  }
  std::vector<float> run(Attention* kernel) const {
    return run(kernel, {0, c.n_rows}, {0, c.n_kv_heads});
  }
};

/// One head of one token, [head_dim], as pages hold it, and of int8 pages a query, too: as
/// symmetric.hpp says.
std::vector<double> held(const float* x, int head_dim, Element element) {
  std::vector<double> result(head_dim);
  float largest = 0;
  for (int d = 0; d < head_dim; ++d) largest = std::max(largest, std::abs(x[d]));
  for (int d = 0; d < head_dim; ++d) {
    result[d] = element == Element::int8
                    ? std::nearbyint(x[d] * (127 / largest)) * double{largest} / 127
                    : rounded(x[d], element);
  }
  return result;
}

/// The definition in f64: all scores, their softmax, the weighted sum.
std::vector<float> by_definition(const Sequence& s) {
  const Case& c = s.c;
  std::vector<float> out;
  for (int r = 0; r < c.n_rows; ++r) {
    const int position = c.context - c.n_rows + r;
    const int first = c.window == 0 ? 0 : std::max(0, position - c.window + 1);
    for (int h = 0; h < c.n_heads; ++h) {
      const auto at = [&](const std::vector<float>& x, int j) {
        const int kv_head = h / (c.n_heads / c.n_kv_heads);
        return held(&x[(j * c.n_kv_heads + kv_head) * c.head_dim], c.head_dim, c.element);
      };
      const float* const query = &s.q[r * s.stride() + h * c.head_dim];
      const auto q = c.element == Element::int8 ? held(query, c.head_dim, c.element)
                                                : std::vector<double>(query, query + c.head_dim);
      std::vector<double> weights, sums(c.head_dim);
      for (int j = first; j <= position; ++j) {
        const auto k = at(s.k, j), v = at(s.v, j);
        double score = 0;
        for (int d = 0; d < c.head_dim; ++d) score += q[d] * k[d];
        weights.push_back(std::exp(score / std::sqrt(c.head_dim)));
        for (int d = 0; d < c.head_dim; ++d) sums[d] += weights.back() * v[d];
      }
      const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
      for (const double sum : sums) out.push_back(static_cast<float>(sum / total));
    }
  }
  return out;
}

const Case cases[] = {
    {Element::bf16, 9, 3, 64, 0, 300, 1},    // SmolLM2 decodes
    {Element::bf16, 9, 3, 64, 0, 300, 300},  // and prefills
    {Element::f32, 9, 3, 64, 0, 157, 40},    // a chunk
    {Element::f32, 4, 1, 256, 70, 290, 33},  // Gemma 3, windowed
    {Element::bf16, 2, 2, 80, 0, 130, 5},    // half a panel of V
    {Element::bf16, 3, 1, 96, 32, 129, 129},  {Element::f32, 8, 1, 128, 1, 64, 64},
    {Element::bf16, 4, 2, 8, 0, 1, 1},        {Element::f32, 2, 1, 64, 129, 513, 300},
    {Element::int8, 9, 3, 64, 0, 300, 1},     {Element::int8, 9, 3, 64, 0, 300, 300},
    {Element::int8, 9, 3, 64, 0, 157, 40},    {Element::int8, 4, 1, 256, 70, 290, 33},
    {Element::int8, 2, 2, 80, 0, 130, 5},     {Element::int8, 3, 1, 96, 32, 129, 129},
    {Element::int8, 8, 1, 128, 1, 64, 64},    {Element::int8, 4, 2, 8, 0, 1, 1},
    {Element::int8, 2, 1, 64, 129, 513, 300}, {Element::int8, 2, 1, 18, 7, 70, 40},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(attention_)

BOOST_AUTO_TEST_CASE(one_position_returns_its_value_and_two_equal_scores_their_mean) {
  Sequence s({Element::f32, 1, 1, 2, 0, 2, 2});
  s.q = {0, 0, 0, 0};
  const auto out = s.run(ref::attention);
  check_close(out, {s.v[0], s.v[1], (s.v[0] + s.v[2]) / 2, (s.v[1] + s.v[3]) / 2}, 1e-7F);
}

BOOST_AUTO_TEST_CASE(the_reference_is_the_definition) {
  for (const Case& c : cases) {
    const Sequence s(c);
    // With int8 pages weights have 16 bits, with bf16 pages queries and weights 8 and an exponent.
    const float within = c.element == Element::f32    ? 3e-6F
                         : c.element == Element::bf16 ? 0x1p-8F
                                                      : 1e-4F;
    check_close(s.run(ref::attention), by_definition(s), within);
  }
}

BOOST_AUTO_TEST_CASE(fast_versions_have_the_bits_of_the_reference) {
  for (const Case& c : cases) {
    const Sequence s(c);
    const auto expected = s.run(ref::attention);
    for (const Isa isa : fast_versions()) {
      const UseIsa use(isa);
      check_same_bits(s.run(attention), expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(any_split_of_rows_and_heads_has_the_same_bits) {
  for (const Case& c : cases) {
    const Sequence s(c);
    const auto whole = s.run(ref::attention);
    for (const Isa isa : fast_versions()) {
      const UseIsa use(isa);
      std::vector<float> joined(whole.size());
      for (int r = 0; r < c.n_rows; r += 7) {
        for (int h = 0; h < c.n_kv_heads; ++h) {
          const auto part = s.run(attention, {r, std::min(r + 7, c.n_rows)}, {h, h + 1});
          for (std::size_t i = 0; i < part.size(); ++i)
            joined[i] += part[i];  // the rest of part is 0
        }
      }
      check_same_bits(joined, whole);
    }
  }
}

BOOST_AUTO_TEST_CASE(large_scores_neither_overflow_nor_leave_the_largest) {
  for (const Isa isa : fast_versions()) {
    const UseIsa use(isa);
    Sequence s({Element::f32, 1, 1, 64, 0, 200, 1});
    for (float& x : s.q) x *= 1e4F;
    const auto out = s.run(attention);
    check_same_bits(out, s.run(ref::attention));
    BOOST_TEST(std::isfinite(out[0]));
  }
}

BOOST_AUTO_TEST_CASE(a_row_of_nan_stays_alone) {
  for (const Isa isa : fast_versions()) {
    for (const Element element : {Element::bf16, Element::int8}) {
      const UseIsa use(isa);
      Sequence s({element, 2, 1, 64, 0, 40, 4});
      const auto before = s.run(attention);
      s.q[2 * 128] = NAN;  // row 2, head 0
      const auto after = s.run(attention);
      BOOST_TEST(std::isnan(after[2 * 128]));
      for (std::size_t i = 0; i < after.size(); ++i) {
        if (i < 2 * 128 || i >= 2 * 128 + 64) BOOST_TEST(after[i] == before[i]);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_token_of_nan_makes_nan_of_all_that_see_it) {
  for (const Isa isa : {Isa::reference, Isa::avx2, Isa::avx512}) {
    if (!supported(isa)) continue;
    for (const Element element : {Element::f32, Element::bf16, Element::int8}) {
      for (const bool in_k : {true, false}) {
        const UseIsa use(isa);
        Sequence s({element, 2, 1, 64, 0, 40, 4});
        (in_k ? s.k : s.v)[38 * 64 + 5] = NAN;  // rows 2 and 3 see position 38
        store_kv(s.pages, {s.table.data(), 0}, s.k.data(), 64, s.v.data(), 64, {38, 39});
        const auto out = s.run(attention);
        for (int r = 2; r < 4; ++r) BOOST_TEST(std::isnan(out[r * 128 + 5]));
        // Rows of the same tile multiply a V that they do not see with 0, which is 0 but for NaN.
        if (!in_k && element != Element::int8) continue;
        for (int r = 0; r < 2; ++r) BOOST_TEST(!std::isnan(out[r * 128 + 5]));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(int8_pages_hold_what_the_largest_of_a_head_allows) {
  Sequence s({Element::int8, 1, 1, 5, 0, 3, 1});
  s.k = {127, -127, 1, 0.5F, 1.5F, 0, 0, 0, 0, 0, 2, 0, 0, 0, -254};
  s.v = {0, 0, 0, 0, 1e-31F, 3, 0, 0, 0, -1, 0, 0, 0, 0, 127};
  store_kv(s.pages, {s.table.data(), 0}, s.k.data(), 5, s.v.data(), 5, {0, 3});
  const auto* page = static_cast<const std::byte*>(s.pages.data) + s.page_bytes();
  const auto k_scale = [&](int j) { return reinterpret_cast<const float*>(page)[j]; };
  // Four dimensions of 32 tokens, then the fifth and three zeros; in the order 0 2 1 3, and 128
  // more.
  const auto k_byte = [&](int j, int d) {
    const int i = d / 4 * 128 + j * 4 + std::array{0, 2, 1, 3}[d % 4];
    return static_cast<int>(reinterpret_cast<const std::uint8_t*>(page + 128)[i]) - 128;
  };
  BOOST_TEST(k_scale(0) == 1);
  BOOST_TEST(k_scale(1) == 0);
  BOOST_TEST(k_scale(2) == 2);
  const int first[] = {127, -127, 1, 0, 2, 0, 0, 0}, last[] = {1, 0, 0, 0, -127, 0, 0, 0};
  for (int d = 0; d < 8; ++d) {
    BOOST_TEST(k_byte(0, d) == first[d]);  // ties to even
    BOOST_TEST(k_byte(1, d) == 0);
    BOOST_TEST(k_byte(2, d) == last[d]);
  }
  const std::byte* v = page + 128 + 2 * 128;
  BOOST_TEST(reinterpret_cast<const float*>(v)[0] == 0);
  BOOST_TEST(reinterpret_cast<const float*>(v)[1] == 3 / 127.0F);
  BOOST_TEST(reinterpret_cast<const float*>(v)[2] == 1);
  const auto v_byte = [&](int j, int d) {
    return static_cast<int>(
        reinterpret_cast<const std::int8_t*>(v + 128)[d * 4 + std::array{0, 2, 1, 3}[j]]);
  };
  BOOST_TEST(v_byte(1, 0) == 127);
  BOOST_TEST(v_byte(1, 4) == -42);
  BOOST_TEST(v_byte(2, 4) == 127);
  BOOST_TEST(v_byte(0, 4) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
