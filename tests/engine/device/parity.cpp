// The forward pass against transformers: logits and greedy tokens (tests/data/logits), small models
// of every architecture and file format, and the real ones.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "tests/engine/device/goldens.hpp"

namespace fs = std::filesystem;
using namespace nanoflow;
using namespace nanoflow::test;

namespace {

/// With f32 weights only the order of sums and the last bits of exp, sin and cos differ: 3e-6 was
/// measured, 1e-4 is what the project promises.
constexpr double f32_tolerance = 1e-5;
/// bf16 has 8 significant bits: weights, inputs, K and V are each off by up to 2^-9, and a logit is
/// the sum of many such errors. 2.5e-2 was measured; a wrong formula is off by the order of 1.
constexpr double bf16_tolerance = 5e-2;
/// Where two experts are nearly as good another one may be chosen, which is no small difference:
/// 5.7e-2 was measured where two router logits of a token are 0.003 apart.
constexpr double bf16_mixture_tolerance = 1e-1;

/// int8: inputs and weights are each rounded to 8 bits, a group's largest number off by 2^-8.
constexpr double int8_tolerance = 1e-1;

/// K, V and queries in int8 beside f32 weights: each number off by up to 2^-8 of its head's
/// largest, of which these models' heads of 16 numbers have a large part. 5.1e-2 was measured, 3e-2
/// with exact queries.
constexpr double kv_int8_tolerance = 1e-1;

/// All cases together, in random chunks, as many at a time as the test model has slots.
Parity run(const Goldens& goldens, const fs::path& path, WeightFormat weights, double tolerance,
           KvFormat kv) {
  constexpr std::size_t batch = 16;
  auto device = make_test_device({2});
  auto model = load_test_model(*device, path, weights, 128, 512, kv);
  Parity parity;
  for (std::size_t begin = 0; begin < goldens.cases.size(); begin += batch) {
    const std::size_t end = std::min(begin + batch, goldens.cases.size());
    std::vector<Request> requests;
    for (std::size_t i = begin; i < end; ++i)
      requests.push_back(
          {goldens.cases[i].prompt, static_cast<int>(goldens.cases[i].tokens.size())});
    const auto answers = serve(*device, *model, requests, {.max_chunk = 32, .join = 0.9});
    for (std::size_t i = begin; i < end; ++i)
      compare(goldens, goldens.cases[i], answers[i - begin], tolerance, parity);
  }
  return parity;
}

std::string_view to_string(WeightFormat weights) {
  constexpr std::string_view names[] = {"auto", "f32", "bf16", "int8", "int4"};
  return names[static_cast<int>(weights)];
}

void check(const std::string& name, const fs::path& path, WeightFormat weights, double tolerance,
           KvFormat kv = KvFormat::automatic) {
  Goldens goldens = Goldens::read(name);
  // Under a sanitizer what is computed matters less than how, and takes fifty times as long.
  if (std::getenv("NANOFLOW_SANITIZED") && goldens.cases.size() > 3) goldens.cases.resize(3);
  const Parity parity = run(goldens, path, weights, tolerance, kv);
  std::cout << name << ' ' << to_string(weights) << ", KV " << to_string(kv) << ": relative error "
            << parity.error << " of " << parity.n_logits << " logits; " << parity.n_tokens
            << " tokens equal, " << parity.n_near_ties << " near ties";
  if (parity.n_near_ties > 0) std::cout << ", relative margin up to " << parity.widest_tie;
  std::cout << std::endl;
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

/// Where two experts are nearly as good, another one may be chosen: no small difference.
bool is_mixture(const fs::path& path) {
  const std::string name = path.stem();
  return name.find("moe") != std::string::npos || name.find("mixtral") != std::string::npos;
}

void check_real(const char* variable, const std::string& name, WeightFormat weights,
                double tolerance) {
  if (const char* path = std::getenv(variable)) {
    check(name, path, weights, tolerance);
  } else {
    std::cout << "skipped: " << variable << " does not name the model file\n";
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parity)

BOOST_AUTO_TEST_CASE(all_goldens_are_there) {
  BOOST_TEST(small_models().size() == 27U);
}

BOOST_AUTO_TEST_CASE(small_models_with_f32_weights_equal_transformers) {
  for (const auto& path : small_models())
    check(path.stem(), path, WeightFormat::f32, f32_tolerance);
}

BOOST_AUTO_TEST_CASE(small_models_with_bf16_weights_stay_close) {
  for (const auto& path : small_models()) {
    check(path.stem(), path, WeightFormat::bf16,
          is_mixture(path) ? bf16_mixture_tolerance : bf16_tolerance);
  }
}

BOOST_AUTO_TEST_CASE(small_models_with_int8_weights_stay_close) {
  for (const auto& path : small_models()) {
    if (is_mixture(path)) continue;  // too often another expert
    check(path.stem(), path, WeightFormat::int8, int8_tolerance);
  }
}

BOOST_AUTO_TEST_CASE(small_models_with_int8_keys_and_values_stay_close) {
  for (const auto& path : small_models())
    if (!is_mixture(path))
      check(path.stem(), path, WeightFormat::f32, kv_int8_tolerance, KvFormat::int8);
}

BOOST_AUTO_TEST_CASE(files_of_4_bits_stay_close_to_themselves_dequantised) {
  for (const char* name : {"gguf-llama-old-quants", "gguf-llama-k-quants"})
    check(name, std::string(NANOFLOW_TEST_DATA "/logits/") + name + ".gguf",
          WeightFormat::automatic, int8_tolerance);
  check_real("NANOFLOW_DEMO_MODEL", "smollm2", WeightFormat::automatic, int8_tolerance);
}

BOOST_AUTO_TEST_CASE(smollm2_equals_transformers_over_50_prompts) {
  check_real("NANOFLOW_DEMO_MODEL", "smollm2", WeightFormat::f32, f32_tolerance);
  check_real("NANOFLOW_DEMO_MODEL", "smollm2", WeightFormat::bf16, bf16_tolerance);
}

BOOST_AUTO_TEST_CASE(gemma_3_270m_equals_transformers) {
  check_real("NANOFLOW_GEMMA_MODEL", "gemma3-270m", WeightFormat::f32, f32_tolerance);
}

BOOST_AUTO_TEST_SUITE_END()
