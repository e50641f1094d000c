// Our own merging against libsentencepiece, given the same pieces.
#include "engine/text/sentencepiece_bpe.hpp"

#include <sentencepiece_processor.h>

#include <boost/test/unit_test.hpp>
#include <random>

#include "engine/model/error.hpp"
#include "engine/text/utf8.hpp"
#include "tests/engine/text/tokenizer_fixture.hpp"

namespace nanoflow::test {
namespace {

using text::SentencePieceBpe;
using text::SentencePieceModel;
using Type = SentencePieceModel::Type;

/// bpe.model, 2,000 pieces trained on the corpus, without its rules of normalisation.
SentencePieceModel trained(const std::string& bytes) {
  SentencePieceModel model = SentencePieceModel::parse(bytes);
  model.character_map = {};
  model.remove_extra_whitespaces = false;
  return model;
}

std::vector<std::string> texts() {
  std::vector<std::string> made = corpus_lines();
  for (std::string& text : made) text = text::repair_utf8(text);
  std::mt19937 random(11);
  const std::vector<std::string> parts = {" ",   "  ", "e",         "t",  "th", "\xE2\x96\x81",
                                          "the", "é",  "中",        "\n", "a",  "<unk>",
                                          "<s>", "in", "\U0001F600"};
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (std::size_t n = random() % 200; n > 0; --n) text += parts[random() % parts.size()];
    made.push_back(text);
  }
  return made;
}

void check_against_library(const SentencePieceModel& model, const std::string& what) {
  sentencepiece::SentencePieceProcessor library;
  BOOST_REQUIRE(library.LoadFromSerializedProto(model.serialize()).ok());
  const SentencePieceBpe bpe(model);
  std::size_t differing = 0;
  std::string first;
  for (const std::string& text : texts()) {
    std::vector<int> expected;
    BOOST_REQUIRE(library.Encode(text, &expected).ok());
    std::vector<TokenId> found;
    bpe.encode(text, found);
    if (std::equal(found.begin(), found.end(), expected.begin(), expected.end())) continue;
    if (differing++ == 0) first = text;
  }
  BOOST_TEST(differing == 0U, what << ": " << differing << " texts differ, the first is " << first);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sentencepiece_bpe)

BOOST_AUTO_TEST_CASE(encodes_as_the_library_with_pieces_of_every_type) {
  const std::string bytes = read_file(tokenizer_data("bpe.model"));
  std::mt19937 random(5);
  for (const bool with_types : {false, true}) {
    for (const bool dummy_prefix : {true, false}) {
      for (const bool escape : {true, false}) {
        SentencePieceModel model = trained(bytes);
        BOOST_REQUIRE(SentencePieceBpe::supports(model));
        model.add_dummy_prefix = dummy_prefix;
        model.escape_whitespaces = escape;
        for (auto& piece : model.pieces) {
          if (!with_types || piece.type != Type::normal) continue;
          if (random() % 8 == 0) piece.type = Type::unused;
          if (random() % 50 == 0) piece.type = Type::user_defined;
        }
        check_against_library(model, "types " + std::to_string(with_types) + " prefix " +
                                         std::to_string(dummy_prefix) + " escape " +
                                         std::to_string(escape));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(encodes_as_the_library_without_byte_pieces_and_with_equal_scores) {
  const std::string bytes = read_file(tokenizer_data("bpe.model"));
  SentencePieceModel model = trained(bytes);
  std::erase_if(model.pieces, [](const auto& piece) { return piece.type == Type::byte; });
  check_against_library(model, "no bytes");
  for (auto& piece : model.pieces) piece.score = static_cast<float>(piece.text.size() % 3) - 1.0F;
  check_against_library(model, "equal scores");
}

BOOST_AUTO_TEST_CASE(a_piece_that_is_there_twice_is_refused) {
  const std::string bytes = read_file(tokenizer_data("bpe.model"));
  SentencePieceModel model = trained(bytes);
  model.pieces.push_back(model.pieces.back());
  BOOST_CHECK_THROW(SentencePieceBpe{model}, ModelError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
