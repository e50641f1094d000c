// The operations on rows of activations: norms, rotation, activation, addition, experts.
#include <cmath>

#include "fixture.hpp"
#include "kernels/attention.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/exp.hpp"
#include "kernels/experts.hpp"
#include "kernels/rms_norm.hpp"
#include "kernels/rope.hpp"
#include "kernels/scaled_exp.hpp"

using namespace nanoflow::kernels;
using namespace nanoflow::kernels::test;

BOOST_AUTO_TEST_SUITE(rows_)

BOOST_AUTO_TEST_CASE(rms_norm_by_hand) {
  const float x[] = {3, -4, 0, 0, 0, 0, 0, 0, 0, 0};
  const float weight[] = {1, 2};
  std::vector<float> out(4);
  ref::rms_norm(out.data(), 2, x, 2, {weight, 2, 0, 0}, 1, {0, 1});
  const float factor = 1 / std::sqrt(12.5F);
  check_close(out, {3 * factor, -8 * factor, 0, 0}, 1e-7F);
  ref::rms_norm(out.data(), 2, x, 2, {weight, 2, 0, 1}, 1, {0, 1});  // Gemma's 1 + weight
  check_close(out, {6 * factor, -12 * factor, 0, 0}, 1e-7F);
  ref::rms_norm(out.data(), 2, x + 2, 2, {weight, 2, 1e-6F, 0}, 1, {0, 1});
  check_same_bits(out, {0, 0, 0, 0});  // eps keeps a row of zeros from dividing by zero
}

BOOST_AUTO_TEST_CASE(rms_norm_has_the_bits_of_the_reference) {
  for (const Isa isa : fast_versions()) {
    const UseIsa use(isa);
    for (const int dim : {1, 5, 16, 64, 80, 100, 576, 577}) {
      const auto x = random_floats(static_cast<std::size_t>(dim) * 3 * 4, 21);
      const auto weight = random_floats(dim, 22);
      const NormWeights weights{weight.data(), dim, 1e-5F, 0.5F};
      auto expected = x;
      ref::rms_norm(expected.data(), dim * 3, x.data(), dim * 3, weights, 3, {1, 4});
      auto found = x;
      rms_norm(found.data(), dim * 3, found.data(), dim * 3, weights, 3, {1, 4});  // in place
      check_same_bits(found, expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(rope_is_complex_multiplication) {
  const auto& golden = goldens()["rotation"];
  const int head_dim = golden["head_dim"];
  const int n_heads = golden["n_heads"];
  const auto positions = golden["positions"].get<std::vector<int>>();
  const auto frequencies = floats(golden["inverse_frequencies"]);
  const Range rows{0, static_cast<int>(positions.size())};
  std::vector<float> cos(positions.size() * head_dim / 2), sin(cos.size());
  for (const auto pairs : {RopePairs::interleaved, RopePairs::halves}) {
    const RopeTable table{pairs, head_dim, cos.data(), sin.data()};
    fill_rope_table(table, positions.data(), frequencies.data(), 1.0F, rows);
    auto x = floats(golden["x"]);
    ref::apply_rope(x.data(), static_cast<std::ptrdiff_t>(n_heads) * head_dim, n_heads, table,
                    rows);
    // f32 angles of position 1000 are off by up to 3e-5.
    check_close(x, floats(golden[pairs == RopePairs::halves ? "halves" : "interleaved"]), 6e-5F);
  }
}

BOOST_AUTO_TEST_CASE(rope_has_the_bits_of_the_reference) {
  const std::vector<int> positions{0, 3, 511, 8000};
  for (const int head_dim : {2, 64, 80, 96, 128, 256}) {
    const auto frequencies = random_floats(head_dim / 2, 31, 0.5F);
    std::vector<float> cos(4 * head_dim / 2), sin(cos.size());
    for (const auto pairs : {RopePairs::interleaved, RopePairs::halves}) {
      const RopeTable table{pairs, head_dim, cos.data(), sin.data()};
      fill_rope_table(table, positions.data(), frequencies.data(), 1.25F, {0, 4});
      auto expected = random_floats(static_cast<std::size_t>(head_dim) * 3 * 4, 32);
      const auto x = expected;
      ref::apply_rope(expected.data(), head_dim * 3, 3, table, {1, 4});
      for (const Isa isa : fast_versions()) {
        const UseIsa use(isa);
        auto found = x;
        apply_rope(found.data(), head_dim * 3, 3, table, {1, 4});
        check_same_bits(found, expected);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(exponential_is_within_an_ulp_everywhere) {
  double worst = 0;
  for (int i = 0; i <= 200000; ++i) {
    const float x = -87.3F + static_cast<float>(i) * (175.3F / 200000);
    const double exact = std::exp(static_cast<double>(x));
    const double ulp = std::ldexp(1.0, std::ilogb(exact) - 23);
    worst = std::max(worst, std::abs(exponential(x) - exact) / ulp);
  }
  BOOST_TEST(worst < 1.0);
  BOOST_TEST(exponential(0.0F) == 1.0F);
  BOOST_TEST(exponential(-INFINITY) == 0.0F);
  BOOST_TEST(exponential(-88.0F) == 0.0F);
  BOOST_TEST(exponential(INFINITY) == exponential(88.0F));
  BOOST_TEST(std::isnan(exponential(NAN)));
}

BOOST_AUTO_TEST_CASE(softmax_exponential_is_as_exact_as_it_says) {
  double worst = 0, worst_near = 0;
  for (float x = -86; x <= 60; x += 0x1p-10F) {
    const double exact = std::exp(double(x)), error = std::abs(softmax_exponential(x) / exact - 1);
    worst = std::max(worst, error);
    if (x >= -5 && x <= 0) worst_near = std::max(worst_near, error);
  }
  BOOST_TEST(worst < 0x1p-21);
  BOOST_TEST(worst_near < 0x1p-22);
  BOOST_TEST(softmax_exponential(0.0F) == 1.0F);
  BOOST_TEST(softmax_exponential(-INFINITY) == softmax_exponential(-86.0F));
  BOOST_TEST(std::isnan(softmax_exponential(NAN)));
}

BOOST_AUTO_TEST_CASE(value_logarithm_is_at_most_the_logarithm) {
  double least = 0, most = -1;
  for (float x = 1e-25F; x < 1e10F; x *= 1.003F) {
    const double below = std::log(double(x)) - value_logarithm(x);
    least = std::min(least, below);
    most = std::max(most, below);
  }
  BOOST_TEST(least > -1e-4);
  BOOST_TEST(most < 0.06);
  BOOST_TEST(value_logarithm(0.0F) == -60);
}

BOOST_AUTO_TEST_CASE(scaled_exp_has_the_bits_of_the_reference) {
  auto x = random_floats(1003, 41, 30);
  x[5] = -INFINITY;
  x[7] = NAN;
  std::vector<float> expected(x.size());
  ref::scaled_exp(expected.data(), x.data(), 1003, 12.5F, 0.7F);
  for (const Isa isa : fast_versions()) {
    const UseIsa use(isa);
    std::vector<float> found(x.size());
    scaled_exp(found.data(), x.data(), 1003, 12.5F, 0.7F);
    check_same_bits(found, expected);
  }
}

BOOST_AUTO_TEST_CASE(activations_are_those_of_torch) {
  const auto& golden = goldens()["activations"];
  const auto gate = floats(golden["gate"]);
  const auto up = floats(golden["up"]);
  const int n = static_cast<int>(gate.size());
  for (const auto kind : {ActivationKind::silu, ActivationKind::gelu_tanh}) {
    std::vector<float> expected(gate.size());
    ref::activate(expected.data(), n, gate.data(), up.data(), n, kind, {0, 1}, {0, n});
    check_close(expected, floats(golden[kind == ActivationKind::silu ? "silu" : "gelu_tanh"]),
                5e-7F);
    for (const Isa isa : fast_versions()) {
      const UseIsa use(isa);
      std::vector<float> found(gate.size());
      activate(found.data(), n, gate.data(), up.data(), n, kind, {0, 1}, {0, 20});
      activate(found.data(), n, gate.data(), up.data(), n, kind, {0, 1}, {20, n});
      check_same_bits(found, expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(add_adds_its_rows) {
  std::vector<float> x{1, 2, 3, 4, 5, 6};
  const std::vector<float> y{10, 20, 30, 40, 50, 60};
  add(x.data(), 2, y.data(), 2, 2, {1, 3});
  check_same_bits(x, {1, 2, 33, 44, 55, 66});
}

BOOST_AUTO_TEST_CASE(route_takes_the_largest_and_the_lower_id_on_ties) {
  const std::vector<float> logits{0, 2, 1, 2, /**/ NAN, -1, -1, -5};
  std::vector<int> experts(4);
  std::vector<float> weights(4);
  route(experts.data(), weights.data(), logits.data(), 4, 2, true, {0, 2});
  BOOST_TEST(experts == (std::vector<int>{1, 3, 1, 2}), boost::test_tools::per_element());
  check_close(weights, {0.5F, 0.5F, 0.5F, 0.5F}, 1e-7F);
  route(experts.data(), weights.data(), logits.data(), 4, 2, false, {0, 1});
  const float all = 2 * std::exp(2.0F) + std::exp(1.0F) + 1;
  check_close(weights, {std::exp(2.0F) / all, std::exp(2.0F) / all, 0.5F, 0.5F}, 1e-6F);
}

BOOST_AUTO_TEST_CASE(combine_experts_sums_by_weight) {
  const std::vector<float> outputs{1, 2, 10, 20, 100, 200};  // three slots of two
  const std::vector<int> slots{2, 0, 1, 2};
  const std::vector<float> weights{0.5F, 2, 0.25F, 1};
  std::vector<float> out(4);
  combine_experts(out.data(), 2, outputs.data(), slots.data(), weights.data(), 2, 2, {0, 2});
  check_same_bits(out, {52, 104, 102.5F, 205});
}

BOOST_AUTO_TEST_SUITE_END()
