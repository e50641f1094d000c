#include "kernels/philox.hpp"

namespace nanoflow::kernels {
namespace {

// The multipliers and key increments of the paper's section 3.3 (the latter: golden ratio and
// sqrt(3) - 1).
constexpr std::uint32_t multiplier_0 = 0xD2511F53, multiplier_1 = 0xCD9E8D57;
constexpr std::uint32_t increment_0 = 0x9E3779B9, increment_1 = 0xBB67AE85;

std::uint32_t high(std::uint64_t product) {
  return static_cast<std::uint32_t>(product >> 32U);
}
std::uint32_t low(std::uint64_t product) {
  return static_cast<std::uint32_t>(product);
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = std::uint64_t{multiplier_0} * counter[0];
    const std::uint64_t product_1 = std::uint64_t{multiplier_1} * counter[2];
    counter = {high(product_1) ^ counter[1] ^ key[0], low(product_1),
               high(product_0) ^ counter[3] ^ key[1], low(product_0)};
    key[0] += increment_0;
    key[1] += increment_1;
  }
  return counter;
}

double uniform(std::uint64_t seed, std::uint32_t choice, std::uint32_t position) {
  const auto words = philox4x32({position, choice, 0, 0}, {low(seed), high(seed)});
  const std::uint64_t bits = std::uint64_t{words[0]} << 32U | words[1];
  return static_cast<double>(bits >> 11U) * 0x1p-53;
}

}  // namespace nanoflow::kernels
