#include "fixture.hpp"

#include <cmath>
#include <fstream>

namespace nanoflow::kernels::test {

std::vector<Isa> fast_versions() {
  std::vector<Isa> versions;
  for (const Isa isa : {Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx}) {
    if (supported(isa)) {
      versions.push_back(isa);
    } else {
      BOOST_TEST_MESSAGE("skipped: this processor does not run " << to_string(isa));
    }
  }
  return versions;
}

const nlohmann::json& goldens() {
  static const nlohmann::json all = [] {
    std::ifstream file(NANOFLOW_TEST_DATA "/kernels/goldens.json");
    return nlohmann::json::parse(file);
  }();
  return all;
}

std::vector<float> floats(const nlohmann::json& array) {
  return array.get<std::vector<float>>();
}

std::vector<float> random_floats(std::size_t n, std::uint32_t seed, float scale) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(n);
  for (float& value : values) value = normal(engine);
  return values;
}

void check_same_bits(const std::vector<float>& found, const std::vector<float>& expected) {
  BOOST_REQUIRE_EQUAL(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool same = found[i] == expected[i] || (std::isnan(found[i]) && std::isnan(expected[i]));
    if (same) continue;
    BOOST_TEST_ERROR("element " << i << ": found " << found[i] << ", expected exactly "
                                << expected[i]);
    return;
  }
}

void check_close(const std::vector<float>& found, const std::vector<float>& expected,
                 float tolerance) {
  BOOST_REQUIRE_EQUAL(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (std::abs(found[i] - expected[i]) <= tolerance * (1 + std::abs(expected[i]))) continue;
    BOOST_TEST_ERROR("element " << i << ": found " << found[i] << ", expected " << expected[i]
                                << " within " << tolerance);
    return;
  }
}

Panels::Panels(std::size_t bytes) : memory_(bytes + 64, std::byte{0xa5}) {
  start_ = (reinterpret_cast<std::uintptr_t>(memory_.data()) + 63) / 64 * 64;
}

}  // namespace nanoflow::kernels::test
