// Long texts and hostile patterns. Quadratic code would take minutes here, which the test's time
// limit ends.
#include <boost/test/unit_test.hpp>
#include <random>

#include "engine/text/bpe_model.hpp"
#include "engine/text/tokenizer.hpp"
#include "tests/engine/text/gguf_writer.hpp"
#include "tests/engine/text/tokenizer_fixture.hpp"

namespace nanoflow::test {
namespace {

constexpr std::size_t long_text = 1U << 15;

std::string repeat(std::string_view unit) {
  std::string text;
  while (text.size() < long_text) text += unit;
  return text;
}

/// gpt2.json with another pre-tokenizer.
std::shared_ptr<const Tokenizer> with_pattern(const std::string& pattern) {
  auto json = nlohmann::json::parse(read_file(tokenizer_data("gpt2.json")));
  json["pre_tokenizer"] = {{"type", "Split"},
                           {"pattern", {{"Regex", pattern}}},
                           {"behavior", "Isolated"},
                           {"invert", false}};
  write_file("pattern.json", json.dump());
  return load_tokenizer("pattern.json");
}

/// Byte pair encoding as it is defined: the first merge of the list that fits anywhere, at its
/// leftmost place.
std::vector<std::string> merge_naively(const std::string& word,
                                       const std::vector<std::string_view>& merges) {
  std::vector<std::string> symbols;
  for (const char c : word) symbols.emplace_back(1, c);
  for (std::size_t m = 0; m < merges.size();) {
    const std::string left(merges[m].substr(0, merges[m].find(' '))),
        right(merges[m].substr(merges[m].find(' ') + 1));
    std::size_t i = 0;
    while (i + 1 < symbols.size() && !(symbols[i] == left && symbols[i + 1] == right)) ++i;
    if (i + 1 >= symbols.size()) {
      ++m;
      continue;
    }
    symbols[i] += right;
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    m = 0;  // the new symbol may take part in an earlier merge
  }
  return symbols;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tokenizer_long)

BOOST_AUTO_TEST_CASE(long_runs_take_linear_time) {
  for (const char* name : {"gpt2.json", "llama3.json", "deepseek_coder.json", "llama2.json",
                           "gemma.json", "bpe.model", "unigram.model"}) {
    const auto tokenizer = load_tokenizer(tokenizer_data(name));
    for (const char* unit : {"a", " ", "\n", "7", "<", "é", "中", "\xFF", " \n", "ab", "A"}) {
      const std::string text = repeat(unit) + "x";
      const auto ids = tokenizer->encode(text);
      BOOST_TEST(!ids.empty(), name);
    }
  }
}

BOOST_AUTO_TEST_CASE(unknown_characters_of_a_vocabulary_without_byte_pieces_are_bounded) {
  // libsentencepiece joins a run of them in quadratic time.
  const auto tokenizer = load_tokenizer(tokenizer_data("unigram.model"));
  BOOST_CHECK_THROW(tokenizer->encode(std::string(1U << 20, '\x01')), EncodeError);
}

BOOST_AUTO_TEST_CASE(words_of_every_length_merge_by_rank_from_the_left) {
  const std::vector<std::string_view> lines = {"a b",   "a a",    "b c",   "a ab", "ab c",
                                               "aa aa", "aab ab", "c abc", "bc a", "ab ab"};
  const std::vector<std::string_view> texts = {"a",   "b",    "c",     "aa",   "ab",  "bc",  "aab",
                                               "abc", "aaaa", "aabab", "cabc", "bca", "abab"};
  const auto table = std::make_shared<text::TokenTable>(texts);
  const text::BpeModel model(table, text::parse_merges(lines, *table), {});
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string word(1 + random() % 120, ' ');
    for (char& c : word) c = static_cast<char>('a' + random() % 3);
    std::vector<TokenId> ids;
    model.encode(word, ids);
    std::vector<std::string> found;
    for (const TokenId id : ids) found.emplace_back(table->text(id));
    BOOST_TEST(found == merge_naively(word, lines), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_pattern_of_exponential_time_fails_the_text_and_no_other) {
  const auto tokenizer = with_pattern("(a+)+$|(a|aa)+$|\\s+");
  BOOST_CHECK_THROW(tokenizer->encode(std::string(200, 'a') + "b"), EncodeError);
  BOOST_TEST(!tokenizer->encode("short text").empty());
}

BOOST_AUTO_TEST_CASE(a_pattern_of_quadratic_time_fails_the_text_and_no_other) {
  const auto tokenizer = with_pattern("a+b");
  BOOST_CHECK_THROW(tokenizer->encode(std::string(1U << 18, 'a')), EncodeError);
  BOOST_TEST(!tokenizer->encode("aaab").empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
