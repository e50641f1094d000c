// Products with bf16 weights: each version against a plain loop in the order that bf16_matmul.hpp
// states for it.
#include "kernels/bf16_matmul.hpp"

#include <immintrin.h>

#include <cmath>

#include "fixture.hpp"

using namespace nanoflow::kernels;
using namespace nanoflow::kernels::test;

namespace {

constexpr float untouched = -12345;
constexpr std::uint16_t untouched_bits = 0xc641;

/// set_float_mode until the end of the scope.
class FloatMode {
 public:
  FloatMode() : before_(_mm_getcsr()) { set_float_mode(); }
  ~FloatMode() { _mm_setcsr(before_); }
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
  unsigned before_;
};

/// Of all magnitudes whose products and sums are finite, with subnormals and zeros among them; or,
/// `alike`, of such magnitudes that every rounding shows.
std::vector<float> floats_of(std::size_t n, std::uint32_t seed, bool alike) {
  std::vector<float> values = random_floats(n, seed);
  if (alike) return values;
  std::mt19937 engine(seed + 1);
  for (float& value : values) {
    const int kind = static_cast<int>(engine() % 16);
    if (kind == 0) value = 0;
    if (kind == 1) value *= 1e-39F;
    if (kind > 1) value = std::ldexp(value, static_cast<int>(engine() % 116) - 64 + kind / 8 * 10);
  }
  return values;
}

struct Product {
  int n_outputs, n_inputs, n_rows;
  std::vector<float> weights, in, bias;
  Panels memory;
  PackedMatrix packed;
  std::vector<std::uint16_t> values;
  Bf16Rows rows;

  Product(int outputs, int inputs, int most_rows, bool alike)
      : n_outputs(outputs),
        n_inputs(inputs),
        n_rows(most_rows),
        weights(floats_of(static_cast<std::size_t>(outputs) * inputs, 7, alike)),
        in(floats_of(static_cast<std::size_t>(most_rows) * inputs, 8, alike)),
        bias(random_floats(outputs, 9)),
        memory(packed_bytes(Element::bf16, outputs, inputs)),
        packed{Element::bf16, outputs, inputs, memory.data()},
        values(static_cast<std::size_t>(n_input_blocks(inputs)) * most_rows * block_inputs),
        rows{most_rows, values.data()} {
    pack_rows(packed, 0, weights.data(), outputs);
    ref::round_rows(rows, in.data(), inputs, {0, most_rows}, {0, inputs});
  }

  int stride() const { return n_outputs + 3; }
  float input(int row, int k) const {
    return k < n_inputs ? rounded(in[row * n_inputs + k], Element::bf16) : 0.0F;
  }
  float weight(int output, int k) const {
    return k < n_inputs ? rounded(weights[output * n_inputs + k], Element::bf16) : 0.0F;
  }

  /// One output without its bias, in the order of a version.
  float in_order(Isa isa, int row, int output) const {
    float acc = 0;
    const auto add = [&](float& sum, int k) {
      sum = std::fma(input(row, k), weight(output, k), sum);
    };
    if (isa == Isa::avx512_bf16) {
      for (int k = 0; k < n_inputs; k += 2) {
        add(acc, k + 1);
        add(acc, k);
      }
    } else if (isa == Isa::amx) {
      for (int block = 0; block < n_inputs; block += 32) {
        float even = 0, odd = 0;
        for (int k = block; k < block + 32; k += 2) {
          add(even, k);
          add(odd, k + 1);
        }
        acc += even + odd;
      }
    } else {
      for (int k = 0; k < n_inputs; ++k) add(acc, k);
    }
    return acc;
  }

  /// All rows [n_rows][stride], with the bias if it is wanted.
  std::vector<float> expected(Isa isa, bool with_bias) const {
    std::vector<float> out(static_cast<std::size_t>(n_rows) * stride(), untouched);
    for (int r = 0; r < n_rows; ++r) {
      for (int n = 0; n < n_outputs; ++n) {
        const float sum = in_order(isa, r, n);
        out[r * stride() + n] = with_bias ? sum + bias[n] : sum;
      }
    }
    return out;
  }

  std::vector<float> run(Range part, Range panels, bool with_bias) const {
    std::vector<float> out(static_cast<std::size_t>(part.end) * stride(), untouched);
    bf16_matmul(out.data(), stride(), rows, packed, with_bias ? bias.data() : nullptr, part, panels,
                nullptr);
    return out;
  }
};

std::vector<Isa> all_versions() {
  auto versions = fast_versions();
  versions.push_back(Isa::reference);
  return versions;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bf16_matmul_)

BOOST_AUTO_TEST_CASE(all_versions_give_hand_values_and_add_the_bias) {
  const float weights[] = {1, 2, -3, 4, 0.5F, 0, 1, 1, 1};  // three outputs of three inputs
  const float in[] = {10, 100, 1000, 1, -1, 0.25F};
  const float bias[] = {0.25F, 0, -1};
  Panels memory(packed_bytes(Element::bf16, 3, 3));
  const PackedMatrix packed{Element::bf16, 3, 3, memory.data()};
  pack_rows(packed, 0, weights, 3);
  for (const Isa isa : all_versions()) {
    const UseIsa use(isa);
    std::vector<std::uint16_t> values(2 * block_inputs, untouched_bits);
    const Bf16Rows rows{2, values.data()};
    round_rows(rows, in, 3, {0, 2}, {0, 3});
    std::vector<float> out(6);
    bf16_matmul(out.data(), 3, rows, packed, bias, {0, 2}, {0, 1}, nullptr);
    check_same_bits(out, {-2789.75F, 90, 1109, -1.5F, 3.5F, -0.75F});
  }
}

BOOST_AUTO_TEST_CASE(any_number_of_rows_has_the_bits_of_the_stated_order) {
  const FloatMode mode;
  for (const bool alike : {true, false}) {
    const Product product(83, 301, 100, alike);  // a partial panel, and an odd number of inputs
    for (const Isa isa : all_versions()) {
      const UseIsa use(isa);
      const auto expected = product.expected(isa, false);
      for (int n_rows = 1; n_rows <= 100; ++n_rows) {
        const auto end = expected.begin() + static_cast<std::ptrdiff_t>(n_rows) * product.stride();
        check_same_bits(product.run({0, n_rows}, {0, 3}, false), {expected.begin(), end});
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(any_shape_has_the_bits_of_the_stated_order) {
  const FloatMode mode;
  for (const auto& [n_outputs, n_inputs] :
       {std::pair{1, 1}, {31, 5}, {32, 256}, {33, 257}, {160, 64}, {300, 17}, {97, 1601}}) {
    for (const int n_rows : {1, 2, 7, 33, 130}) {
      const Product product(n_outputs, n_inputs, n_rows, n_rows % 2 != 0);
      for (const Isa isa : all_versions()) {
        const UseIsa use(isa);
        check_same_bits(product.run({0, n_rows}, {0, n_panels(n_outputs)}, false),
                        product.expected(isa, false));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(one_row_of_more_inputs_than_a_buffer_holds) {
  const FloatMode mode;
  const Product product(40, 25000, 1, true);
  for (const Isa isa : all_versions()) {
    const UseIsa use(isa);
    check_same_bits(product.run({0, 1}, {0, 2}, false), product.expected(isa, false));
  }
}

BOOST_AUTO_TEST_CASE(parts_of_rows_and_panels_write_their_part_only_with_the_same_bits) {
  const FloatMode mode;
  const Product product(330, 300, 60, true);
  const int stride = product.stride();
  for (const Isa isa : all_versions()) {
    const UseIsa use(isa);
    const auto whole = product.expected(isa, true);
    for (const Range rows : {Range{0, 1}, {3, 20}, {1, 59}, {59, 60}}) {
      for (const Range panels : {Range{0, 2}, {1, 11}, {10, 11}, {2, 3}, {2, 2}}) {
        std::vector<float> expected(static_cast<std::size_t>(rows.end) * stride, untouched);
        for (int r = rows.begin; r < rows.end; ++r) {
          for (int n = panels.begin * 32; n < std::min(330, panels.end * 32); ++n)
            expected[r * stride + n] = whole[r * stride + n];
        }
        check_same_bits(product.run(rows, panels, true), expected);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_finite_stays_in_its_row) {
  Product product(70, 100, 40, true);
  const auto clean = product.in;
  product.in[5 * 100 + 3] = INFINITY;
  product.in[20 * 100 + 99] = std::nanf("");
  ref::round_rows(product.rows, product.in.data(), 100, {0, 40}, {0, 100});
  for (const Isa isa : all_versions()) {
    const UseIsa use(isa);
    const auto found = product.run({0, 40}, {0, 3}, false);
    for (int r = 0; r < 40; ++r) {
      for (int n = 0; n < 70; ++n) {
        const bool finite = std::isfinite(found[r * product.stride() + n]);
        BOOST_TEST_REQUIRE(finite == (r != 5 && r != 20));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(sums_are_those_of_double_precision) {
  const Product product(40, 2000, 3, true);
  std::vector<float> expected(3 * 43, untouched);
  for (int r = 0; r < 3; ++r) {
    for (int n = 0; n < 40; ++n) {
      double sum = 0;
      for (int k = 0; k < 2000; ++k) sum += double{product.input(r, k)} * product.weight(n, k);
      expected[r * 43 + n] = static_cast<float>(sum);
    }
  }
  for (const Isa isa : all_versions()) {
    const UseIsa use(isa);
    check_close(product.run({0, 3}, {0, 2}, false), expected, 1e-4F);
  }
}

BOOST_AUTO_TEST_CASE(rows_are_rounded_to_nearest_even_and_padded_with_zeros) {
  auto x = random_floats(9 * 330, 5);
  x[33] = std::nanf(""), x[400] = INFINITY, x[777] = -INFINITY, x[1000] = 1e-40F, x[1500] = 3.4e38F;
  x[1001] = 1.00390625F, x[1002] = 1.01171875F;  // half way
  for (const Isa isa : all_versions()) {
    const UseIsa use(isa);
    for (const Range columns : {Range{0, 330}, {32, 96}, {320, 330}, {64, 65}}) {
      std::vector<std::uint16_t> found(static_cast<std::size_t>(11) * 9 * 32, untouched_bits);
      round_rows({9, found.data()}, x.data(), 330, {2, 9}, columns);
      for (int k = 0; k < 352; ++k) {
        for (int r = 0; r < 9; ++r) {
          const bool mine = r >= 2 && k >= columns.begin && k < (columns.end + 31) / 32 * 32;
          std::uint16_t expected = mine ? 0 : untouched_bits;
          if (mine && k < columns.end) expected = to_bf16(x[r * 330 + k]);
          BOOST_TEST_REQUIRE(found[(k / 32 * 9 + r) * 32 + k % 32] == expected);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
