// The forward pass against transformers: logits and greedy tokens, every architecture, small random
// models and the real ones.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <iostream>

#include "tests/engine/device/golden_run.hpp"

namespace fs = std::filesystem;
using namespace nanoflow;
using nanoflow::test::Goldens;
using nanoflow::test::Parity;

namespace {

/// The project's promise for f32 weights: only the order of sums and the last bit of exp differ.
constexpr double f32_tolerance = 1e-4;
/// bf16 keeps 8 bits. Weights, activations and K and V are rounded to it, by 2^-9 each at most, and
/// a few dozen such errors meet in a logit; a wrong formula gives errors of the order of 1.
constexpr double bf16_tolerance = 5e-2;

Device& cpu() {
  static const auto device = [] {
    auto made = make_device({.kind = "cpu", .threads = 2});
    for (const auto& stream : made->streams()) stream->bind();
    return made;
  }();
  return *device;
}

void check(const std::string& name, const fs::path& model, WeightFormat weights, double tolerance) {
  const Goldens goldens = Goldens::read(name);
  const Parity parity = test::run_goldens(cpu(), model, goldens, weights, tolerance);
  std::cout << name << (weights == WeightFormat::f32 ? " f32" : " bf16") << ": relative error "
            << parity.error << " over " << parity.n_logits << " logits; " << parity.n_tokens
            << " tokens, of them " << parity.n_near_ties << " near ties (largest relative margin "
            << parity.worst_tie << ")\n";
  BOOST_TEST_CONTEXT(name) {
    BOOST_TEST(parity.error < tolerance);
    for (const auto& failure : parity.failures) BOOST_ERROR(failure);
  }
}

std::vector<fs::path> small_models() {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(NANOFLOW_TEST_DATA "/logits"))
    if (entry.path().extension() == ".gguf" || fs::exists(entry.path() / "config.json"))
      out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

void check_real(const char* variable, const std::string& name) {
  if (const char* path = std::getenv(variable)) {
    check(name, path, WeightFormat::f32, f32_tolerance);
  } else {
    std::cout << "skipped: " << variable << " does not name the model file\n";
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parity)

BOOST_AUTO_TEST_CASE(there_are_goldens_of_every_kind) {
  BOOST_TEST(small_models().size() >= 27U);
}

BOOST_AUTO_TEST_CASE(small_models_with_f32_weights_equal_transformers) {
  for (const auto& model : small_models())
    check(model.stem(), model, WeightFormat::f32, f32_tolerance);
}

BOOST_AUTO_TEST_CASE(small_models_with_bf16_weights_stay_close) {
  for (const auto& model : small_models())
    check(model.stem(), model, WeightFormat::bf16, bf16_tolerance);
}

BOOST_AUTO_TEST_CASE(smollm2_equals_transformers_over_50_prompts) {
  check_real("NANOFLOW_DEMO_MODEL", "smollm2");
}

BOOST_AUTO_TEST_CASE(gemma_3_270m_equals_transformers) {
  check_real("NANOFLOW_GEMMA_MODEL", "gemma3-270m");
}

BOOST_AUTO_TEST_SUITE_END()
