#include "engine/text/incremental_decoder.hpp"

#include <boost/test/unit_test.hpp>
#include <random>

#include "engine/text/utf8.hpp"
#include "tests/engine/text/tokenizer_fixture.hpp"

namespace nanoflow::test {
namespace {

/// Tokens are given as texts, and one is special.
class ListedTokens : public Tokenizer {
 public:
  explicit ListedTokens(std::vector<std::string> texts, bool drops = false)
      : texts_(std::move(texts)), drops_(drops) {}
  using Tokenizer::encode;
  std::vector<TokenId> encode(const MarkedText&, EncodeOptions) const override { return {}; }
  std::string_view token_bytes(TokenId id) const override { return texts_.at(id); }
  bool is_special(TokenId id) const override { return texts_.at(id).starts_with("<|"); }
  std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
  int vocab_size() const override { return static_cast<int>(texts_.size()); }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  std::optional<TokenId> eos() const override { return std::nullopt; }
  bool drops_leading_space() const override { return drops_; }
  std::vector<TokenId> end_tokens() const override { return {}; }

 private:
  std::vector<std::string> texts_;
  bool drops_;
};

/// What each of the texts gives out, pushed in order; then what finish() does.
std::vector<std::string> pieces(const std::vector<std::string>& texts,
                                IncrementalDecoder::Options options, bool drops = false) {
  const ListedTokens tokens(texts, drops);
  IncrementalDecoder decoder(tokens, std::move(options));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto piece = decoder.push(static_cast<TokenId>(i));
    out.push_back(piece.stopped ? piece.text + "[stopped]" : piece.text);
    if (piece.stopped) return out;
  }
  out.push_back(decoder.finish());
  return out;
}

using Texts = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(incremental_decoder)

BOOST_AUTO_TEST_CASE(a_character_is_given_out_whole) {
  BOOST_TEST(pieces({"a\xE4\xBD", "\xA0", "b"}, {}) == (Texts{"a", "你", "b", ""}));
}

BOOST_AUTO_TEST_CASE(half_a_character_becomes_a_replacement_character) {
  BOOST_TEST(pieces({"\xF0\x9F\x98"}, {}) == (Texts{"", "\xEF\xBF\xBD"}));
  BOOST_TEST(pieces({"\xE4\xBD", "x"}, {}) == (Texts{"", "\xEF\xBF\xBDx", ""}));
  BOOST_TEST(pieces({"\xFF\xC0"}, {}) == (Texts{"\xEF\xBF\xBD\xEF\xBF\xBD", ""}));
}

BOOST_AUTO_TEST_CASE(a_possible_stop_string_is_held_back) {
  BOOST_TEST(pieces({"one ST", "OP two"}, {.stop = {"STOP"}}) == (Texts{"one ", "[stopped]"}));
  BOOST_TEST(pieces({"one ST", "IR", "S"}, {.stop = {"STOP"}}) == (Texts{"one ", "STIR", "", "S"}));
  BOOST_TEST(pieces({"one STOP two"}, {.stop = {"STOP"}, .include_stop = true}) ==
             (Texts{"one STOP[stopped]"}));
}

BOOST_AUTO_TEST_CASE(the_stop_string_that_is_complete_first_counts) {
  BOOST_TEST(pieces({"xabcd"}, {.stop = {"abcd", "bc"}}) == (Texts{"xa[stopped]"}));
  BOOST_TEST(pieces({"xab", "c"}, {.stop = {"bc", "abc"}}) == (Texts{"x", "[stopped]"}));
  BOOST_TEST(pieces({"aab", "aac"}, {.stop = {"aabaac"}}) == (Texts{"", "[stopped]"}));
  BOOST_TEST(pieces({"aabaab", "aac"}, {.stop = {"aabaac"}}) == (Texts{"aab", "[stopped]"}));
}

BOOST_AUTO_TEST_CASE(special_tokens_are_left_out_unless_asked_for) {
  BOOST_TEST(pieces({"a", "<|x|>", "b"}, {}) == (Texts{"a", "", "b", ""}));
  BOOST_TEST(pieces({"a", "<|x|>", "b"}, {.skip_special = false}) ==
             (Texts{"a", "<|x|>", "b", ""}));
}

BOOST_AUTO_TEST_CASE(the_first_space_is_dropped_where_the_vocabulary_adds_one) {
  BOOST_TEST(pieces({"<|s|>", " a", " b"}, {}, true) == (Texts{"", "a", " b", ""}));
}

BOOST_AUTO_TEST_CASE(pieces_of_random_tokens_are_the_decoded_text_and_whole_characters) {
  std::mt19937 random(7);
  for (const char* name : {"gpt2.json", "llama2.json", "bpe.model"}) {
    const auto tokenizer = load_tokenizer(tokenizer_data(name));
    for (int round = 0; round < 300; ++round) {
      std::vector<TokenId> ids(random() % 40);
      std::string bytes;
      for (TokenId& id : ids) {
        id = static_cast<TokenId>(random() % tokenizer->vocab_size());
        if (!tokenizer->is_special(id)) bytes += tokenizer->token_bytes(id);
      }
      if (tokenizer->drops_leading_space() && bytes.starts_with(' ')) bytes.erase(0, 1);
      IncrementalDecoder decoder(*tokenizer, {.stop = {"\x01never"}});
      std::string joined;
      for (const TokenId id : ids) {
        const std::string text = decoder.push(id).text;
        BOOST_TEST(text::is_utf8(text));
        joined += text;
      }
      joined += decoder.finish();
      BOOST_TEST(joined == tokenizer->decode(ids));
      BOOST_TEST(joined == text::repair_utf8(bytes));
    }
  }
}

/// The stop that ends first in the text, by trying every place.
std::string cut_naively(const std::string& text, const Texts& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t longest = 0;
    for (const std::string& stop : stops) {
      if (stop.size() <= end && text.compare(end - stop.size(), stop.size(), stop) == 0)
        longest = std::max(longest, stop.size());
    }
    if (longest > 0) return text.substr(0, end - longest);
  }
  return text;
}

BOOST_AUTO_TEST_CASE(random_stop_strings_cut_as_a_search_of_the_whole_text) {
  std::mt19937 random(11);
  const auto word = [&](std::size_t longest) {
    std::string text(1 + random() % longest, 'a');
    for (char& c : text) c = static_cast<char>('a' + random() % 2);
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    Texts texts(random() % 12), stops(1 + random() % 4);
    for (std::string& text : texts) text = word(4);
    for (std::string& stop : stops) stop = word(7);
    std::string whole, joined;
    for (const std::string& text : texts) whole += text;
    for (std::string piece : pieces(texts, {.stop = stops})) {
      if (piece.ends_with("[stopped]")) piece.resize(piece.size() - 9);
      joined += piece;
    }
    BOOST_TEST(joined == cut_naively(whole, stops));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
