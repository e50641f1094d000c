// Special tokens, what is put around a text, and where an answer ends.
#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "engine/model/error.hpp"
#include "engine/text/tokenizer.hpp"
#include "tests/engine/text/gguf_writer.hpp"
#include "tests/engine/text/tokenizer_fixture.hpp"

namespace nanoflow::test {
namespace {

using Ids = std::vector<TokenId>;

/// A byte-level vocabulary of ten tokens; what else the file says is the caller's.
GgufWriter small_gguf(std::string_view pre = "gpt-2") {
  GgufWriter file;
  file.put("tokenizer.ggml.model", std::string_view("gpt2"));
  file.put("tokenizer.ggml.pre", pre);
  file.put("tokenizer.ggml.tokens",
           std::vector<std::string>{"a", "b", "Ġ", "ab", "<|im_end|>", "<|im_start|>", "</s>",
                                    "<tool>", "<", "<|eot_id|>"});
  file.put("tokenizer.ggml.token_type", std::vector<std::int32_t>{1, 1, 1, 1, 3, 3, 4, 4, 1, 1});
  file.put("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  return file;
}

std::shared_ptr<const Tokenizer> load(const GgufWriter& file) {
  write_file("special.gguf", file.bytes());
  return load_tokenizer("special.gguf");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tokenizer_special)

BOOST_AUTO_TEST_CASE(a_special_tokens_text_is_text_unless_it_is_parsed) {
  const auto tokenizer = load(small_gguf());
  BOOST_TEST(tokenizer->encode("ab<|im_end|>", {.parse_special = true}) == (Ids{3, 4}));
  BOOST_TEST(tokenizer->encode("ab<|im_end|>") ==
             (Ids{3, 8}));  // of "<|im_end|>" only "<" is known
}

BOOST_AUTO_TEST_CASE(a_special_tokens_text_in_a_literal_range_is_text) {
  const auto tokenizer = load(small_gguf());
  const EncodeOptions parse{.parse_special = true};
  const std::string text = "<|im_start|>a<|im_end|>b<|im_end|>";  // the user wrote a<|im_end|>b
  BOOST_TEST(tokenizer->encode(MarkedText{text, {{12, 24}}}, parse) == (Ids{5, 0, 8, 1, 4}));
  // What only touches a literal range is the user's as well.
  BOOST_TEST(tokenizer->encode(MarkedText{"<|im_end|>", {{0, 1}}}, parse) == (Ids{8}));
  BOOST_TEST(tokenizer->encode(MarkedText{"<|im_end|>", {{9, 10}}}, parse) == (Ids{8}));
  BOOST_TEST(tokenizer->encode(MarkedText{"a<|im_end|>b", {{0, 1}, {11, 12}}}, parse) ==
             (Ids{0, 4, 1}));
}

BOOST_AUTO_TEST_CASE(a_user_defined_token_is_found_everywhere) {
  const auto tokenizer = load(small_gguf());
  BOOST_TEST(tokenizer->encode("a<tool>b") == (Ids{0, 7, 1}));
  BOOST_TEST(!tokenizer->is_special(7));
}

BOOST_AUTO_TEST_CASE(bos_and_eos_are_added_as_the_file_says) {
  GgufWriter file = small_gguf();
  file.put("tokenizer.ggml.bos_token_id", 5U);
  file.put("tokenizer.ggml.eos_token_id", 4U);
  BOOST_TEST(load(file)->encode("a") == (Ids{0}));  // gpt-2's default
  file.put_flag("tokenizer.ggml.add_bos_token", true);
  file.put_flag("tokenizer.ggml.add_eos_token", true);
  BOOST_TEST(load(file)->encode("a") == (Ids{5, 0, 4}));
  BOOST_TEST(load(file)->encode("a", {.add_special = false}) == (Ids{0}));
  BOOST_TEST(load(file)->encode("") == (Ids{5, 4}));
  GgufWriter llama = small_gguf("llama-bpe");
  llama.put("tokenizer.ggml.bos_token_id", 5U);
  BOOST_TEST(load(llama)->encode("a") == (Ids{5, 0}));  // llama-bpe's default
}

BOOST_AUTO_TEST_CASE(ends_are_those_the_file_names_and_those_whose_names_tell) {
  GgufWriter file = small_gguf();
  file.put("tokenizer.ggml.eos_token_id", 4U);
  file.put("tokenizer.ggml.eot_token_id", 3U);
  const auto tokenizer = load(file);
  // </s> is user-defined here, which is HTML; <|eot_id|> cannot be.
  BOOST_TEST(tokenizer->end_tokens() == (Ids{3, 4, 9}));
  BOOST_TEST(tokenizer->is_special(9));
  BOOST_TEST(tokenizer->encode("<|eot_id|>", {.parse_special = true}) == (Ids{9}));
}

BOOST_AUTO_TEST_CASE(tokenizer_config_says_what_is_added) {
  const std::filesystem::path folder = "configured";
  std::filesystem::create_directory(folder);
  std::filesystem::copy_file(tokenizer_data("gpt2.json"), folder / "tokenizer.json",
                             std::filesystem::copy_options::overwrite_existing);
  write_file(
      folder / "tokenizer_config.json",
      R"({"bos_token":{"content":"<|im_start|>"},"eos_token":"<|im_end|>","add_bos_token":true})");
  const auto tokenizer = load_tokenizer(folder);
  BOOST_TEST(tokenizer->encode("").size() == 1U);
  BOOST_TEST(tokenizer->encode("")[0] == tokenizer->find("<|im_start|>").value());
  BOOST_TEST(tokenizer->eos().value() == tokenizer->find("<|im_end|>").value());
  BOOST_TEST(tokenizer->end_tokens().size() == 2U);  // and <|endoftext|>
}

BOOST_AUTO_TEST_CASE(an_unknown_id_stands_for_nothing) {
  const auto tokenizer = load(small_gguf());
  BOOST_TEST(tokenizer->token_bytes(-1).empty());
  BOOST_TEST(tokenizer->token_bytes(10).empty());
  BOOST_TEST(!tokenizer->is_special(10));
  BOOST_TEST(tokenizer->decode(Ids{0, 77, -5, 1}) == "ab");
}

BOOST_AUTO_TEST_CASE(an_unknown_pre_tokenizer_is_named_with_the_known_ones) {
  const auto names_it = [](const ModelError& error) {
    const std::string what = error.what();
    return what.find("tokenizer.ggml.pre: unknown pre-tokenizer 'mystery', known are gpt-2") !=
               std::string::npos &&
           what.find("qwen2") != std::string::npos;
  };
  BOOST_CHECK_EXCEPTION(load(small_gguf("mystery")), ModelError, names_it);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
