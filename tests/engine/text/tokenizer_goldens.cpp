// Ids and texts against the libraries tokenizers and sentencepiece
// (tests/data/tokenizer/make_goldens.py).
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <iostream>

#include "engine/text/tokenizer.hpp"
#include "tests/engine/text/gguf_writer.hpp"
#include "tests/engine/text/tokenizer_fixture.hpp"

namespace nanoflow::test {
namespace {

const nlohmann::json& goldens() {
  static const auto read = nlohmann::json::parse(read_file(tokenizer_data("goldens.json")));
  return read;
}

void check_ids(const Tokenizer& tokenizer, const nlohmann::json& golden, const std::string& name) {
  const auto differing = differing_lines(
      golden, [&](const std::string& line) { return hash_ids(tokenizer.encode(line)); });
  BOOST_TEST(differing.empty(), name << ": " << differing.size() << " lines differ, the first is "
                                     << (differing.empty() ? 0 : differing[0]));
}

void check_texts(const Tokenizer& tokenizer, const nlohmann::json& golden,
                 const std::string& name) {
  const auto differing = differing_lines(golden, [&](const std::string& line) {
    return hash_bytes(tokenizer.decode(tokenizer.encode(line, {.add_special = false})));
  });
  BOOST_TEST(differing.empty(), name << ": " << differing.size()
                                     << " lines decode differently, the first is "
                                     << (differing.empty() ? 0 : differing[0]));
}

/// A model that is not in the repository; the test is skipped without it.
void check_model(const char* variable, const char* golden) {
  const char* path = std::getenv(variable);
  if (path == nullptr) {
    std::cout << "skipped: " << variable << " names no model file\n";
    return;
  }
  check_ids(*load_tokenizer(path), goldens().at(golden), golden);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tokenizer_goldens)

BOOST_AUTO_TEST_CASE(smollm2_encodes_as_the_tokenizers_library) {
  check_model("NANOFLOW_DEMO_MODEL", "smollm2");
}

BOOST_AUTO_TEST_CASE(gemma_encodes_as_sentencepiece) {
  check_model("NANOFLOW_GEMMA_MODEL", "gemma");
}

BOOST_AUTO_TEST_CASE(a_tokenizer_json_encodes_and_decodes_as_the_tokenizers_library) {
  for (const auto& [name, golden] : goldens().at("json").items()) {
    const auto tokenizer = load_tokenizer(tokenizer_data(name + ".json"));
    check_ids(*tokenizer, golden, name);
    if (golden.contains("decoded")) check_texts(*tokenizer, golden.at("decoded"), name);
  }
}

BOOST_AUTO_TEST_CASE(a_tokenizer_model_encodes_and_decodes_as_sentencepiece) {
  for (const auto& [name, golden] : goldens().at("model").items()) {
    const auto tokenizer = load_tokenizer(tokenizer_data(name + ".model"));
    const auto differing = differing_lines(golden, [&](const std::string& line) {
      return hash_ids(tokenizer->encode(line, {.add_special = false}));
    });
    BOOST_TEST(differing.empty(), name << ": " << differing.size() << " lines differ, the first is "
                                       << (differing.empty() ? 0 : differing[0]));
    if (golden.contains("decoded")) check_texts(*tokenizer, golden.at("decoded"), name);
  }
}

BOOST_AUTO_TEST_CASE(every_named_pre_tokenizer_of_a_gguf_file_cuts_as_its_patterns) {
  const auto shared = nlohmann::json::parse(read_file(tokenizer_data("shared_vocabulary.json")));
  std::vector<std::string> merges;
  for (const auto& pair : shared.at("merges"))
    merges.push_back(pair[0].get<std::string>() + " " + pair[1].get<std::string>());
  for (const auto& [name, golden] : goldens().at("gguf").items()) {
    GgufWriter file;
    file.put("tokenizer.ggml.model", std::string_view("gpt2"));
    file.put("tokenizer.ggml.pre", std::string_view(name));
    file.put("tokenizer.ggml.tokens", shared.at("tokens").get<std::vector<std::string>>());
    file.put("tokenizer.ggml.merges", merges);
    write_file("named.gguf", file.bytes());
    check_ids(*load_tokenizer("named.gguf"), golden, name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
