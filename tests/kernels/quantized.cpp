// Weights of 8 and 4 bits, and their products.
#include <bit>
#include <cmath>
#include <cstring>

#include "fixture.hpp"
#include "kernels/dequantize.hpp"
#include "kernels/f16.hpp"
#include "kernels/quantized_matmul.hpp"
#include "kernels/weight_groups.hpp"

using namespace nanoflow;
using namespace nanoflow::kernels;
using namespace nanoflow::kernels::test;

namespace {

constexpr Element quantized[] = {Element::int8, Element::int4};
constexpr float untouched = -12345;

float value_of(const WeightGroup& group, Element element, int i) {
  if (element == Element::int8)
    return from_f16(group.scale) * static_cast<float>(group.values[i] - 128);
  return from_f16(group.scale) * static_cast<float>(group.values[i]) + from_f16(group.minimum);
}

/// Rows of n_inputs.
std::vector<WeightGroup> groups_of(const std::vector<float>& x, Element element, int n_inputs) {
  std::vector<WeightGroup> groups(x.size() / group_inputs);
  to_groups(groups.data(), element, reinterpret_cast<const std::byte*>(x.data()), DType::f32,
            static_cast<int>(x.size()) / n_inputs, n_inputs);
  return groups;
}

/// The gguf package's blocks of the type.
std::vector<std::byte> golden_blocks(DType type) {
  const std::string hex = goldens()["dequantisation"][std::string(to_string(type))]["bytes"];
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return bytes;
}

/// Largest difference between the groups and the file's numbers, in steps of the group's scale.
float worst_step(DType type, Element element) {
  const auto bytes = golden_blocks(type);
  const std::size_t n = bytes.size() / block_bytes(type) * block_elements(type);
  std::vector<float> expected(n);
  dequantize(expected.data(), bytes.data(), type, n);
  std::vector<WeightGroup> groups(n / group_inputs);
  to_groups(groups.data(), element, bytes.data(), type, 1, static_cast<int>(n));
  float worst = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto& group = groups[i / group_inputs];
    const float found = value_of(group, element, static_cast<int>(i % group_inputs));
    const float scale = std::abs(from_f16(group.scale));
    if (found != expected[i]) worst = std::max(worst, std::abs(found - expected[i]) / scale);
  }
  return worst;
}

struct Rows {
  std::vector<std::int8_t> values;
  std::vector<float> sums, scales;
  std::vector<std::int32_t> starts;
  QuantizedRows view;

  Rows(int n_rows, int n_inputs)
      : values(static_cast<std::size_t>(n_rows) * n_inputs, 99),
        sums(values.size() / group_inputs, untouched),
        scales(static_cast<std::size_t>(n_rows) * n_spans(n_inputs), untouched),
        starts(scales.size(), -12345),
        view{n_rows, values.data(), sums.data(), scales.data(), starts.data()} {}

  int value(int row, int input) const {
    return values[(input / 32 * view.n_rows + row) * 32 + input % 32];
  }
  float scale(int row, int input) const { return scales[input / 64 * view.n_rows + row]; }
};

struct Layer {
  Element element;
  int n_outputs, n_inputs;
  Panels memory;
  PackedMatrix packed;
  std::vector<WeightGroup> groups;  // [n_outputs][n_inputs / 32]

  Layer(Element type, int outputs, int inputs)
      : element(type),
        n_outputs(outputs),
        n_inputs(inputs),
        memory(packed_bytes(type, outputs, inputs)),
        packed{type, outputs, inputs, memory.data()},
        groups(
            groups_of(random_floats(static_cast<std::size_t>(outputs) * inputs, 7), type, inputs)) {
    pack_groups(packed, 0, groups.data(), outputs);
  }
};

std::vector<float> run(QuantizedMatmul* kernel, const Layer& layer, const Rows& in,
                       const float* bias, Range rows, Range panels) {
  const int stride = layer.n_outputs + 3;
  std::vector<float> out(static_cast<std::size_t>(rows.end) * stride, untouched);
  kernel(out.data(), stride, in.view, layer.packed, bias, rows, panels, nullptr);
  return out;
}

std::vector<float> run(QuantizedMatmul* kernel, const Layer& layer, const Rows& in, int n_rows) {
  return run(kernel, layer, in, nullptr, {0, n_rows}, {0, n_panels(layer.n_outputs)});
}

Rows random_rows(int n_rows, int n_inputs, std::uint32_t seed) {
  Rows rows(n_rows, n_inputs);
  const auto x = random_floats(static_cast<std::size_t>(n_rows) * n_inputs, seed);
  ref::quantize_rows(rows.view, x.data(), n_inputs, {0, n_rows}, {0, n_inputs});
  return rows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(quantized_)

BOOST_AUTO_TEST_CASE(half_precision_rounds_to_nearest_even) {
  for (std::uint32_t half = 0; half < 0x10000U; ++half) {
    const float value = from_f16(static_cast<std::uint16_t>(half));
    if (!std::isnan(value)) BOOST_REQUIRE_EQUAL(to_f16(value), half);
  }
  BOOST_TEST(to_f16(1.00048828125F) == 0x3c00);  // half way, to the even one below
  BOOST_TEST(to_f16(1.00146484375F) == 0x3c02);  // half way, to the even one above
  BOOST_TEST(to_f16(65519.0F) == 0x7bff);        // 65504, the largest
  BOOST_TEST(to_f16(65520.0F) == 0x7c00);        // infinity
  BOOST_TEST(to_f16(0x1p-24F) == 1);             // the smallest
  BOOST_TEST(to_f16(0x1p-25F) == 0);             // half way, to zero
  BOOST_TEST(to_f16(0x1.8p-25F) == 1);
  BOOST_TEST(to_f16(-0x1.ff8p-15F) == 0x83ff);             // the largest subnormal
  BOOST_TEST(from_f16(to_f16(0x1.fffp-15F)) == 0x1p-14F);  // rounds up to a normal one
}

BOOST_AUTO_TEST_CASE(formats_that_are_such_groups_are_kept_exactly) {
  BOOST_TEST(worst_step(DType::q4_0, Element::int4) == 0);
  BOOST_TEST(worst_step(DType::q4_1, Element::int4) == 0);
  // The scale has 11 bits: 15 steps of 2^-12 each, and the minimum's as much.
  BOOST_TEST(worst_step(DType::q4_k, Element::int4) < 0.02F);
}

BOOST_AUTO_TEST_CASE(other_numbers_are_rounded_to_the_nearest_step) {
  for (const Element element : quantized) {
    for (const float size : {1.0F, 1e-3F, 1e4F}) {
      const auto x = random_floats(3200, 3, size);
      const auto groups = groups_of(x, element, 160);  // two spans and a half
      for (std::size_t i = 0; i < x.size(); ++i) {
        const auto& group = groups[i / group_inputs];
        const float error = std::abs(value_of(group, element, static_cast<int>(i % 32)) - x[i]);
        // Half a step, and what the scale's rounding takes from the ends of the range.
        BOOST_TEST_REQUIRE(error <= 0.57F * from_f16(group.scale));
      }
    }
    const auto zeros = groups_of(std::vector<float>(32, 0.0F), element, 32);
    BOOST_TEST(value_of(zeros[0], element, 5) == 0);
    for (const DType type : {DType::q8_0, DType::q5_0, DType::q5_1, DType::q5_k, DType::q6_k})
      BOOST_TEST(worst_step(type, element) <= 0.57F);
  }
}

BOOST_AUTO_TEST_CASE(a_span_of_8_bits_has_its_largest_weight_s_scale) {
  std::vector<float> x(2 * 96, 0.0F);  // rows of a span and a half
  x[3] = 1.27F, x[40] = -0.64F, x[63] = 0.031F, x[64] = -12.7F, x[95] = 4, x[96] = 2.54F;
  const auto groups = groups_of(x, Element::int8, 96);
  const float scales[] = {0.01F, 0.01F, 0.1F, 0.02F, 0.02F, 0};
  for (int i = 0; i < 6; ++i) BOOST_TEST(groups[i].scale == to_f16(scales[i]));
  BOOST_TEST(groups[0].values[3] == 255);
  BOOST_TEST(groups[1].values[8] == 128 - 64);
  BOOST_TEST(groups[1].values[31] == 128 + 3);
  BOOST_TEST(groups[2].values[0] == 1);
  BOOST_TEST(groups[2].values[31] == 128 + 40);
  BOOST_TEST(groups[3].values[0] == 255);
  BOOST_TEST(groups[5].values[0] == 128);
}

BOOST_AUTO_TEST_CASE(matrices_packed_piece_by_piece_equal_the_one_packed_at_once) {
  constexpr int n_inputs = 160, n_groups = n_inputs / 32;
  for (const Element element : quantized) {
    const Layer whole(element, 83, n_inputs);
    const std::size_t bytes = packed_bytes(element, 83, n_inputs);
    Panels memory(bytes);
    const PackedMatrix pieces{element, 83, n_inputs, memory.data()};
    for (const auto& [first, n] : {std::pair{40, 43}, {0, 5}, {5, 35}})
      pack_groups(pieces, first, &whole.groups[first * n_groups], n);
    for (int n = 0; n < 83; ++n) {
      for (int g = 0; g < n_groups; ++g) {
        const auto found = unpack_group(pieces, n, g), &packed = whole.groups[n * n_groups + g];
        BOOST_TEST(found.scale == packed.scale);
        BOOST_TEST(found.minimum == packed.minimum);
        BOOST_TEST(std::memcmp(found.values, packed.values, group_inputs) == 0);
      }
    }
    BOOST_TEST(std::memcmp(pieces.data, whole.packed.data, bytes) == 0);
  }
}

BOOST_AUTO_TEST_CASE(packed_matrices_have_the_documented_places) {
  // Output 37 of 40, input 137 of 160: panel 1, lane 5; group 4, step 2, the second of four.
  const Layer eight(Element::int8, 40, 160), four(Element::int4, 40, 160);
  const auto* bytes8 = static_cast<const std::uint8_t*>(eight.packed.data);
  const std::size_t span = 2 * 1024 + 64, panel8 = 2 * span + 1024 + 64;
  BOOST_TEST(packed_bytes(Element::int8, 40, 160) == 2 * panel8);
  const auto& group8 = eight.groups[37 * 5 + 4];
  BOOST_TEST(bytes8[panel8 + 2 * span + 2 * 128 + 5 * 4 + 1] == group8.values[9]);
  BOOST_TEST(std::memcmp(bytes8 + panel8 + 2 * span + 1024 + 5 * 2, &group8.scale, 2) == 0);
  const auto* bytes4 = static_cast<const std::uint8_t*>(four.packed.data);
  const std::size_t panel4 = 5 * (512 + 128), at = panel4 + 4 * (512 + 128);
  BOOST_TEST(packed_bytes(Element::int4, 40, 160) == 2 * panel4);
  const auto& group4 = four.groups[37 * 5 + 4];
  BOOST_TEST((bytes4[at + 2 * 64 + 5 * 4 + 1] & 15) == group4.values[9]);
  BOOST_TEST(std::memcmp(bytes4 + at + 512 + 5 * 2, &group4.scale, 2) == 0);
  BOOST_TEST(std::memcmp(bytes4 + at + 576 + 5 * 2, &group4.minimum, 2) == 0);
}

BOOST_AUTO_TEST_CASE(rows_become_the_nearest_of_255_values) {
  std::vector<float> x(96, 0.0F);
  x[0] = -2.54F, x[1] = 1.27F, x[2] = 0.031F, x[3] = -0.05F, x[63] = 0.2F;
  x[64] = 1e-38F;  // too small to matter
  Rows rows(1, 96);
  ref::quantize_rows(rows.view, x.data(), 96, {0, 1}, {0, 96});
  BOOST_TEST(rows.value(0, 0) == -127);
  BOOST_TEST(rows.value(0, 1) == 64);   // 63.5, to even
  BOOST_TEST(rows.value(0, 2) == 2);    // 1.55
  BOOST_TEST(rows.value(0, 3) == -2);   // -2.5, to even
  BOOST_TEST(rows.value(0, 63) == 10);  // 10.0
  BOOST_TEST(rows.scales[0] == 2.54F / 127);
  BOOST_TEST(rows.sums[0] == -63);
  BOOST_TEST(rows.sums[1] == 10);
  BOOST_TEST(rows.starts[0] == 53 * 128);
  BOOST_TEST(rows.value(0, 64) == 0);
  BOOST_TEST(rows.scales[1] == 0);
}

BOOST_AUTO_TEST_CASE(rows_have_the_bits_of_the_reference_whatever_is_in_them) {
  const int n_inputs = 160;
  auto x = random_floats(9 * n_inputs, 5);
  x[33] = std::nanf(""), x[400] = INFINITY, x[777] = -INFINITY, x[1000] = 1e-40F, x[1300] = 3e38F;
  std::fill_n(x.begin() + 5 * n_inputs, 64, 1e-40F);
  for (const Range inputs : {Range{0, 160}, {64, 160}, {0, 128}}) {
    Rows expected(9, n_inputs);
    ref::quantize_rows(expected.view, x.data(), n_inputs, {0, 9}, inputs);
    for (const Isa isa : fast_versions()) {
      const UseIsa use(isa);
      Rows found(9, n_inputs);
      quantize_rows(found.view, x.data(), n_inputs, {0, 9}, inputs);
      BOOST_TEST(found.values == expected.values, boost::test_tools::per_element());
      BOOST_TEST(found.starts == expected.starts, boost::test_tools::per_element());
      check_same_bits(found.scales, expected.scales);
      check_same_bits(found.sums, expected.sums);
    }
  }
}

BOOST_AUTO_TEST_CASE(sums_are_those_of_double_precision) {
  for (const Element element : quantized) {
    const Layer layer(element, 40, 1024);
    const Rows in = random_rows(2, 1024, 4);
    std::vector<float> expected(2 * 43, untouched);
    for (int r = 0; r < 2; ++r) {
      for (int n = 0; n < 40; ++n) {
        double sum = 0;
        for (int k = 0; k < 1024; ++k) {
          const double a = in.value(r, k) * double{in.scale(r, k)};
          sum += a * double{value_of(layer.groups[n * 32 + k / 32], element, k % 32)};
        }
        expected[r * 43 + n] = static_cast<float>(sum);
      }
    }
    check_close(run(ref::quantized_matmul, layer, in, 2), expected, 1e-5F);
  }
}

BOOST_AUTO_TEST_CASE(any_number_of_rows_has_the_bits_of_the_reference) {
  for (const Element element : quantized) {
    const Layer layer(element, 83, 1120);  // a partial panel, and more than one slice of groups
    const Rows in = random_rows(100, 1120, 1);
    const auto expected = run(ref::quantized_matmul, layer, in, 100);
    for (const Isa isa : fast_versions()) {
      const UseIsa use(isa);
      for (int n_rows = 1; n_rows <= 100; ++n_rows) {
        const auto end = expected.begin() + n_rows * 86;
        check_same_bits(run(quantized_matmul, layer, in, n_rows), {expected.begin(), end});
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(the_largest_values_do_not_overflow) {
  for (const Element element : quantized) {
    const Layer layer(element, 32, 128);
    auto groups = layer.groups;
    for (auto& group : groups) {
      group.scale = to_f16(1);
      std::memset(group.values, element == Element::int8 ? 255 : 15, group_inputs);
    }
    pack_groups(layer.packed, 0, groups.data(), 32);
    std::vector<float> x(128, -1.0F);
    Rows in(1, 128);
    ref::quantize_rows(in.view, x.data(), 128, {0, 1}, {0, 128});
    const auto expected = run(ref::quantized_matmul, layer, in, 1);
    for (const Isa isa : fast_versions()) {
      const UseIsa use(isa);
      check_same_bits(run(quantized_matmul, layer, in, 1), expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(parts_of_rows_and_panels_write_their_part_only_with_the_same_bits) {
  for (const Element element : quantized) {
    const Layer layer(element, 150, 320);
    const Rows in = random_rows(20, 320, 3);
    const auto bias = random_floats(150, 8);
    const auto whole = run(ref::quantized_matmul, layer, in, bias.data(), {0, 20}, {0, 5});
    for (const Isa isa : fast_versions()) {
      const UseIsa use(isa);
      for (const Range rows : {Range{0, 1}, {3, 20}, {19, 20}}) {
        for (const Range panels : {Range{0, 2}, {1, 5}, {4, 5}, {2, 3}, {2, 2}}) {
          const auto part = run(quantized_matmul, layer, in, bias.data(), rows, panels);
          std::vector<float> expected(static_cast<std::size_t>(rows.end) * 153, untouched);
          for (int r = rows.begin; r < rows.end; ++r) {
            for (int n = panels.begin * 32; n < std::min(150, panels.end * 32); ++n)
              expected[r * 153 + n] = whole[r * 153 + n];
          }
          check_same_bits(part, expected);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
