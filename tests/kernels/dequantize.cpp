#include "kernels/dequantize.hpp"

#include <bit>

#include "fixture.hpp"

using namespace nanoflow;
using namespace nanoflow::kernels;
using namespace nanoflow::kernels::test;

namespace {

constexpr DType types[] = {DType::f32,  DType::f16,  DType::bf16, DType::q8_0,
                           DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                           DType::q4_k, DType::q5_k, DType::q6_k};

struct Golden {
  std::vector<std::byte> bytes;
  std::vector<float> values;
};

Golden golden_of(DType type) {
  const auto& golden = goldens()["dequantisation"][std::string(to_string(type))];
  Golden result;
  const std::string hex = golden["bytes"];
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    result.bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  for (const std::uint32_t bits : golden["bits"])
    result.values.push_back(std::bit_cast<float>(bits));
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dequantize_)

BOOST_AUTO_TEST_CASE(every_type_has_the_bits_of_the_gguf_package) {
  for (const DType type : types) {
    BOOST_TEST_CONTEXT(to_string(type)) {
      const Golden golden = golden_of(type);
      std::vector<float> found(golden.values.size());
      dequantize(found.data(), golden.bytes.data(), type, found.size());
      check_same_bits(found, golden.values);
    }
  }
}

BOOST_AUTO_TEST_CASE(embed_scales_the_rows_of_its_tokens) {
  const Golden golden = golden_of(DType::q4_1);  // six rows of 32
  const int tokens[] = {0, 5, 2};
  std::vector<float> x(3 * 32, -1);
  embed(x.data(), 32, golden.bytes.data(), DType::q4_1, 32, tokens, 8.0F, {1, 3});
  std::vector<float> expected(32, -1);
  for (const int row : {5, 2}) {
    for (int i = 0; i < 32; ++i) expected.push_back(golden.values[row * 32 + i] * 8.0F);
  }
  check_same_bits(x, expected);
}

BOOST_AUTO_TEST_SUITE_END()
