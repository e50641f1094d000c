// The forward pass against transformers' logits, for every architecture (tests/data/logits).
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/engine/device/serve.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

const std::filesystem::path folder = std::filesystem::path(NANOFLOW_TEST_DATA) / "logits";

std::vector<float> read_floats(const std::filesystem::path& path) {
  std::vector<float> floats(std::filesystem::file_size(path) / sizeof(float));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(floats.data()),
            static_cast<std::streamsize>(floats.size() * sizeof(float)));
  return floats;
}

/// |found - expected| / |expected|, as vectors.
double relative_error(std::span<const float> found, std::span<const float> expected) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += std::pow(static_cast<double>(found[i]) - expected[i], 2);
    size += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(difference / size);
}

std::string model_path(const std::string& name) {
  const auto gguf = folder / (name + ".gguf");
  return std::filesystem::exists(gguf) ? gguf : folder / name;
}

/// Largest relative error of a model's stored logits. All cases run together, in random chunks.
double check_model(const std::string& name) {
  const auto golden = nlohmann::json::parse(std::ifstream(folder / (name + ".json")));
  const auto expected = read_floats(folder / (name + ".f32"));
  const std::size_t vocab = golden["vocab"];
  std::vector<Request> requests;
  for (const auto& one : golden["cases"])
    requests.push_back({one["prompt"], static_cast<int>(one["tokens"].size())});

  auto device = make_test_device({2});
  auto model = load_test_model(*device, model_path(name), WeightFormat::f32);
  const auto answers = serve(*device, *model, requests, {.max_chunk = 50, .join = 0.7});
  double worst = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::vector<TokenId> tokens = golden["cases"][i]["tokens"];
    BOOST_TEST(answers[i].tokens == tokens, boost::test_tools::per_element());
    for (const std::size_t step : golden["logit_steps"]) {
      const std::span wanted(expected.data() + next * vocab, vocab);
      worst = std::max(worst, relative_error(answers[i].logits.at(step), wanted));
      ++next;
    }
  }
  return worst;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(parity)

BOOST_AUTO_TEST_CASE(logits_are_those_of_transformers) {
  int n_models = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".f32") continue;
    const std::string name = entry.path().stem();
    if (!std::filesystem::exists(model_path(name))) continue;  // a real model, elsewhere
    BOOST_TEST_CONTEXT(name) {
      const double error = check_model(name);
      BOOST_TEST_MESSAGE(name << ": relative error " << error);
      BOOST_TEST(error < 1e-4);
    }
    ++n_models;
  }
  BOOST_TEST(n_models >= 20);
}

BOOST_AUTO_TEST_SUITE_END()
