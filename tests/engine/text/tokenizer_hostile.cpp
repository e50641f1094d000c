// Tokenizer files come with the model: whatever is in them, loading ends in a tokenizer or in a
// ModelError.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <random>

#include "engine/model/error.hpp"
#include "engine/text/sentencepiece_model.hpp"
#include "engine/text/tokenizer.hpp"
#include "tests/engine/text/gguf_writer.hpp"
#include "tests/engine/text/tokenizer_fixture.hpp"

namespace nanoflow::test {
namespace {

/// What loading says, or "loaded" when the tokenizer works.
std::string outcome(const std::string& file, const std::string& bytes) {
  write_file(file, bytes);
  try {
    const auto tokenizer = load_tokenizer(file);
    const auto ids = tokenizer->encode("Hello, 你好  <|im_end|>\n 123", {.parse_special = true});
    return "loaded, " + std::to_string(tokenizer->decode(ids).size()) + " bytes";
  } catch (const ModelError& error) {
    return error.what();
  } catch (const EncodeError& error) {
    return error.what();
  }
}

void check_says(const std::string& said, const std::string& part) {
  BOOST_TEST(said.find(part) != std::string::npos, "expected \"" << part << "\" in: " << said);
}

std::string changed_json(const std::function<void(nlohmann::json&)>& change,
                         const std::string& name = "gpt2.json") {
  auto json = nlohmann::json::parse(read_file(tokenizer_data(name)));
  change(json);
  return outcome("changed.json", json.dump());
}

std::string mutate(std::string bytes, std::mt19937& random) {
  for (unsigned n = 1 + random() % 4; n > 0 && !bytes.empty(); --n) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 4) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ 1U << random() % 8);
        break;
      case 2:
        bytes.erase(at, 1 + random() % 20);
        break;
      default:
        bytes.insert(at, bytes.substr(random() % bytes.size(), 1 + random() % 20));
    }
  }
  return bytes;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tokenizer_hostile)

BOOST_AUTO_TEST_CASE(a_part_that_is_not_supported_is_named) {
  check_says(changed_json([](auto& j) { j["model"]["type"] = "WordPiece"; }),
             "changed.json.model.type: expected BPE, found 'WordPiece'");
  check_says(changed_json([](auto& j) {
               j["normalizer"] = {{"type", "NFKC"}};
             }),
             "normalizer.type: expected NFC, Prepend, Replace or Sequence, found 'NFKC'");
  check_says(changed_json([](auto& j) {
               j["pre_tokenizer"] = {{"type", "Whitespace"}};
             }),
             "pre_tokenizer.type: expected ByteLevel, Split");
  check_says(changed_json([](auto& j) { j["decoder"] = {{"type", "WordPiece"}}; }), "decoder.type");
  check_says(changed_json([](auto& j) {
               j["post_processor"] = {{"type", "BertProcessing"}};
             }),
             "post_processor.type");
  check_says(changed_json([](auto& j) { j["model"]["dropout"] = 0.1; }), "model.dropout");
  check_says(changed_json([](auto& j) { j["model"]["end_of_word_suffix"] = "</w>"; }),
             "model.end_of_word_suffix: expected none, found '</w>'");
}

BOOST_AUTO_TEST_CASE(wrong_values_are_named_with_their_place) {
  check_says(changed_json([](auto& j) { j["model"]["vocab"]["a"] = -1; }),
             "vocab of 'a': expected an id");
  check_says(changed_json([](auto& j) { j["model"]["vocab"]["a"] = 1U << 31; }),
             "expected an id below");
  check_says(changed_json([](auto& j) {
               j["model"]["merges"][3] = {"x", "nowhere"};
             }),
             "merge 3 of 'x' and 'nowhere': 'nowhere' is not in the vocabulary");
  check_says(changed_json([](auto& j) { j["model"]["merges"][0] = 7; }), "model.merges");
  check_says(changed_json([](auto& j) { j["model"]["unk_token"] = "none such"; }),
             "model.unk_token");
  check_says(changed_json([](auto& j) { j["added_tokens"][0]["content"] = 5; }),
             "added_tokens[0].content: expected a text");
  check_says(changed_json([](auto& j) { j.erase("model"); }),
             "model: expected a value, found none");
}

BOOST_AUTO_TEST_CASE(a_pattern_that_is_none_is_shown) {
  const auto with = [](const std::string& pattern) {
    return changed_json([&](auto& j) {
      j["pre_tokenizer"] = {
          {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}};
    });
  };
  check_says(with("a(b"), "the pattern 'a(b' is wrong at byte 3");
  check_says(with("[a&&b]"), "an intersection of sets");
  check_says(with("[a[b]]"), "a set within a set");
  check_says(with("(*LIMIT_MATCH=9)a"), "a verb");
  check_says(with(std::string(20000, 'a')), "expected at most 16384");
  check_says(with(std::string(5000, '(') + std::string(5000, ')')), "is wrong at byte");
}

BOOST_AUTO_TEST_CASE(mutated_files_never_crash) {
  std::mt19937 random(5);
  for (const char* name : {"llama3.json", "added_tokens.json", "bpe.model", "unigram.model"}) {
    const std::string bytes = read_file(tokenizer_data(name));
    const std::string file = std::string("mutated") + (bytes[0] == '{' ? ".json" : ".model");
    int n_loaded = 0;
    for (int round = 0; round < 150; ++round)
      n_loaded += outcome(file, mutate(bytes, random)).starts_with("loaded") ? 1 : 0;
    BOOST_TEST_MESSAGE(name << ": " << n_loaded << " of 150 mutants load");
  }
}

BOOST_AUTO_TEST_CASE(mutated_gguf_vocabularies_never_crash) {
  GgufWriter file;
  file.put("tokenizer.ggml.model", std::string_view("llama"));
  std::vector<std::string> texts{"<unk>",
                                 "<s>",
                                 "</s>",
                                 "\xE2\x96\x81",
                                 "a",
                                 "b",
                                 "ab",
                                 "\xE2\x96\x81"
                                 "a",
                                 "  "};
  std::vector<std::int32_t> types{2, 3, 3, 1, 1, 1, 1, 1, 4};
  file.put("tokenizer.ggml.tokens", texts);
  file.put("tokenizer.ggml.token_type", types);
  file.put("tokenizer.ggml.scores", std::vector<float>{0, 0, 0, -4, -5, -6, -1, -2, 0});
  file.put("tokenizer.ggml.bos_token_id", 1U);
  check_says(outcome("mutated.gguf", file.bytes()), "loaded");
  std::mt19937 random(6);
  for (int round = 0; round < 400; ++round) outcome("mutated.gguf", mutate(file.bytes(), random));
}

BOOST_AUTO_TEST_CASE(a_sentencepiece_model_is_checked_before_the_library_sees_it) {
  using Model = text::SentencePieceModel;
  const auto said = [](const std::function<void(Model&)>& change) -> std::string {
    Model model;
    model.pieces = {{"<unk>", 0, Model::Type::unknown}, {"a", -1, Model::Type::normal}};
    change(model);
    try {
      model.check();
      return "good";
    } catch (const ModelError& error) {
      return error.what();
    }
  };
  BOOST_TEST(said([](Model&) {}) == "good");
  check_says(said([](Model& m) { m.pieces[0].type = Model::Type::normal; }), "0 unknown pieces");
  check_says(said([](Model& m) { m.pieces[1].type = Model::Type::control; }), "no normal piece");
  check_says(said([](Model& m) { m.pieces[1].text = std::string_view("a\0b", 3); }),
             "without a zero");
  check_says(said([](Model& m) { m.pieces[1].text = ""; }), "expected a text, found none");
  check_says(said([](Model& m) { m.pieces[1].score = 0.0F / 0.0F; }), "expected a finite score");
  check_says(said([](Model& m) {
               m.pieces.push_back({"<0x00>", 0, Model::Type::byte});
             }),
             "1 byte pieces");
  check_says(said([](Model& m) { m.bos = 9; }), "piece 9 of 2");
  // A trie of one block whose first unit leads out of it.
  std::string map(4 + 1024, '\0');
  map[1] = 4;
  map += std::string("x\0", 2);
  BOOST_TEST(said([&](Model& m) { m.character_map = map; }) == "good");
  map[4 + 3] = 0x10;
  check_says(said([&](Model& m) { m.character_map = map; }), "unit 0 of 256 leads outside");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
