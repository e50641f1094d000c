// Model "llama": sentencepiece's BPE, whose pieces, scores and types the file repeats.
#include <deque>

#include "engine/model/error.hpp"
#include "engine/text/load_gguf.hpp"
#include "engine/text/sentencepiece_tokenizer.hpp"

namespace nanoflow::text {
namespace {

/// Files write the blanks of a user-defined piece as spaces, sentencepiece as ▁.
std::string with_blanks(std::string_view text) {
  std::string out;
  for (const char c : text) c == ' ' ? out += piece_blank : out += c;
  return out;
}

}  // namespace

std::shared_ptr<const Tokenizer> load_gguf_sentencepiece(const GgufFile& file) {
  const GgufVocabulary from(file);
  const auto scores = file.numbers("tokenizer.ggml.scores");
  if (!scores || scores->size() != from.texts.size()) {
    throw ModelError("tokenizer.ggml.scores: expected " + std::to_string(from.texts.size()) +
                     " numbers, one a token, found " +
                     (scores ? std::to_string(scores->size()) : "none"));
  }
  SentencePieceModel model;
  model.kind = SentencePieceModel::Kind::bpe;
  model.add_dummy_prefix = file.flag("tokenizer.ggml.add_space_prefix").value_or(true);
  model.remove_extra_whitespaces =
      file.flag("tokenizer.ggml.remove_extra_whitespaces").value_or(false);
  std::deque<std::string> rewritten;  // what the pieces' texts may lie in
  for (std::size_t i = 0; i < from.texts.size(); ++i) {
    using Type = SentencePieceModel::Type;
    auto type = static_cast<Type>(from.types[i]);  // the same numbers
    // Some files give the unknown token the type of a control token.
    if (from.unknown == static_cast<TokenId>(i)) type = Type::unknown;
    std::string_view text = from.texts[i];
    if (type == Type::user_defined && text.find(' ') != std::string_view::npos)
      text = rewritten.emplace_back(with_blanks(text));
    model.pieces.push_back({text, (*scores)[i], type});
  }
  Vocabulary pieces = make_piece_vocabulary(model);
  Vocabulary vocabulary = from.make(file, true);
  vocabulary.bytes = std::move(pieces.bytes);
  vocabulary.drops_leading_space = pieces.drops_leading_space;
  // The user's own pieces are sentencepiece's to find: inside a text they get no dummy prefix.
  std::erase_if(vocabulary.added, [](const AddedToken& token) { return !token.special; });
  return std::make_shared<SentencePieceTokenizer>(std::move(vocabulary), model);
}

}  // namespace nanoflow::text
