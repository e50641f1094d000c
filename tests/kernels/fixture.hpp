// What the kernel tests share: random numbers, exact comparison, and every version that this
// processor runs.
#pragma once
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "kernels/isa.hpp"
#include "kernels/panels.hpp"

namespace nanoflow::kernels::test {

/// The fast versions that can run here. The reference is what they are held against.
std::vector<Isa> fast_versions();

/// tests/data/kernels/goldens.json.
const nlohmann::json& goldens();
std::vector<float> floats(const nlohmann::json& array);

/// Normally distributed.
std::vector<float> random_floats(std::size_t n, std::uint32_t seed, float scale = 1.0F);

/// Fails when two results differ in a bit; a zero's sign does not count. Prints the first
/// difference.
void check_same_bits(const std::vector<float>& found, const std::vector<float>& expected);
/// Fails when |found - expected| > tolerance * (1 + |expected|).
void check_close(const std::vector<float>& found, const std::vector<float>& expected,
                 float tolerance);

/// Memory for panels, on a cache line, of either element, filled with a pattern that must not
/// matter.
class Panels {
 public:
  explicit Panels(std::size_t bytes);
  void* data() { return reinterpret_cast<void*>(start_); }

 private:
  std::vector<std::byte> memory_;
  std::uintptr_t start_;
};

inline constexpr Element elements[] = {Element::f32, Element::bf16};

/// What the element can hold of it.
inline float rounded(float value, Element element) {
  return element == Element::f32 ? value : from_bf16(to_bf16(value));
}

/// Runs the kernels of one version until the end of the scope.
class UseIsa {
 public:
  explicit UseIsa(Isa isa) : before_(current_isa()) { use_isa(isa); }
  ~UseIsa() { use_isa(before_); }
  UseIsa(const UseIsa&) = delete;
  UseIsa& operator=(const UseIsa&) = delete;

 private:
  Isa before_;
};

}  // namespace nanoflow::kernels::test
