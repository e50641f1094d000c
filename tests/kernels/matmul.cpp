#include "kernels/matmul.hpp"

#include <cmath>
#include <cstring>

#include "fixture.hpp"

using namespace nanoflow::kernels;
using namespace nanoflow::kernels::test;

namespace {

/// A linear layer with room around its output that must stay untouched.
struct Layer {
  int n_outputs, n_inputs;
  Panels memory;
  PackedMatrix packed;
  std::vector<float> weights, bias;

  Layer(Element element, int outputs, int inputs)
      : n_outputs(outputs),
        n_inputs(inputs),
        memory(packed_bytes(element, outputs, inputs)),
        packed{element, outputs, inputs, memory.data()},
        weights(random_floats(static_cast<std::size_t>(outputs) * inputs, 7)),
        bias(random_floats(outputs, 8)) {
    pack_rows(packed, 0, weights.data(), outputs);
  }
};

constexpr float untouched = -12345;

std::vector<float> run(Matmul* kernel, const Layer& layer, const std::vector<float>& in,
                       const float* bias, Range rows, Range panels) {
  const int stride = layer.n_outputs + 3;
  std::vector<float> out(static_cast<std::size_t>(rows.end) * stride, untouched);
  kernel(out.data(), stride, in.data(), layer.n_inputs, layer.packed, bias, rows, panels);
  return out;
}

std::vector<float> run(Matmul* kernel, const Layer& layer, const std::vector<float>& in,
                       int n_rows) {
  return run(kernel, layer, in, nullptr, {0, n_rows}, {0, n_panels(layer.n_outputs)});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(matmul_)

BOOST_AUTO_TEST_CASE(the_reference_gives_hand_values_and_adds_the_bias) {
  Panels memory(packed_bytes(Element::f32, 3, 2));
  const PackedMatrix packed{Element::f32, 3, 2, memory.data()};
  const float weights[] = {1, 2, -3, 4, 0.5F, 0};  // three outputs of two inputs
  pack_rows(packed, 0, weights, 3);
  const float in[] = {10, 100, 1, -1};
  const float bias[] = {0.25F, 0, -1};
  std::vector<float> out(6);
  ref::matmul(out.data(), 3, in, 2, packed, bias, {0, 2}, {0, 1});
  check_same_bits(out, {210.25F, 370, 4, -0.75F, -7, -0.5F});
}

BOOST_AUTO_TEST_CASE(bf16_weights_are_rounded_to_nearest_even) {
  BOOST_TEST(from_bf16(to_bf16(1.0F)) == 1.0F);
  BOOST_TEST(from_bf16(to_bf16(1.00390625F)) == 1.0F);       // half way, to the even one below
  BOOST_TEST(from_bf16(to_bf16(1.01171875F)) == 1.015625F);  // half way, to the even one above
  BOOST_TEST(from_bf16(to_bf16(-1.00390637F)) == -1.0078125F);
  BOOST_TEST(to_bf16(3.4e38F) == 0x7f80);  // beyond the largest: infinity
  BOOST_TEST(std::isnan(from_bf16(to_bf16(std::nanf("")))));
}

BOOST_AUTO_TEST_CASE(any_number_of_rows_has_the_bits_of_the_reference) {
  const Layer layer(Element::f32, 83, 301);  // a partial panel, and inputs in more than one block
  const auto in = random_floats(70 * 301, 1);
  const auto expected = run(ref::matmul, layer, in, 70);
  for (const Isa isa : fast_versions()) {
    const UseIsa use(isa);
    for (int n_rows = 1; n_rows <= 70; ++n_rows) {
      const auto end = expected.begin() + n_rows * 86;
      check_same_bits(run(matmul, layer, in, n_rows), {expected.begin(), end});
    }
  }
}

BOOST_AUTO_TEST_CASE(any_shape_has_the_bits_of_the_reference) {
  for (const auto& [n_outputs, n_inputs] :
       {std::pair{1, 1}, {31, 5}, {32, 256}, {33, 257}, {160, 64}, {576, 17}, {97, 600}}) {
    const Layer layer(Element::f32, n_outputs, n_inputs);
    for (const int n_rows : {1, 2, 7, 13, 130}) {
      const auto in = random_floats(static_cast<std::size_t>(n_rows) * n_inputs, 2);
      const auto expected = run(ref::matmul, layer, in, n_rows);
      for (const Isa isa : fast_versions()) {
        const UseIsa use(isa);
        check_same_bits(run(matmul, layer, in, n_rows), expected);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(parts_of_rows_and_panels_write_their_part_only_with_the_same_bits) {
  const Layer layer(Element::f32, 150, 300);
  const auto in = random_floats(20 * 300, 3);
  const float* bias = layer.bias.data();
  const auto whole = run(ref::matmul, layer, in, bias, {0, 20}, {0, 5});
  for (const Isa isa : fast_versions()) {
    const UseIsa use(isa);
    for (const Range rows : {Range{0, 1}, {3, 20}, {19, 20}}) {
      for (const Range panels : {Range{0, 2}, {1, 5}, {4, 5}, {2, 3}, {2, 2}}) {
        const auto part = run(matmul, layer, in, bias, rows, panels);
        std::vector<float> expected(static_cast<std::size_t>(rows.end) * 153, untouched);
        for (int r = rows.begin; r < rows.end; ++r) {
          for (int n = panels.begin * 32; n < std::min(150, panels.end * 32); ++n) {
            expected[r * 153 + n] = whole[r * 153 + n];
          }
        }
        check_same_bits(part, expected);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(matrices_packed_piece_by_piece_equal_the_one_packed_at_once) {
  for (const Element element : elements) {
    const Layer whole(element, 83, 12);
    Panels memory(packed_bytes(element, 83, 12));
    const PackedMatrix pieces{element, 83, 12, memory.data()};
    for (const auto& [first, n] : {std::pair{40, 43}, {0, 5}, {5, 35}}) {
      pack_rows(pieces, first, whole.weights.data() + first * 12, n);
    }
    BOOST_TEST(std::memcmp(pieces.data, whole.packed.data, packed_bytes(element, 83, 12)) == 0);
  }
}

BOOST_AUTO_TEST_CASE(sums_are_those_of_double_precision) {
  const Layer layer(Element::f32, 40, 2000);
  const auto in = random_floats(2000, 4);
  std::vector<float> expected(43, untouched);
  for (int n = 0; n < 40; ++n) {
    double sum = 0;
    for (int k = 0; k < 2000; ++k) sum += static_cast<double>(in[k]) * layer.weights[n * 2000 + k];
    expected[n] = static_cast<float>(sum);
  }
  check_close(run(matmul, layer, in, 1), expected, 1e-4F);
}

BOOST_AUTO_TEST_SUITE_END()
