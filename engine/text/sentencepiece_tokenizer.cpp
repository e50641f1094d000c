#include "engine/text/sentencepiece_tokenizer.hpp"

#include <sentencepiece_processor.h>

#include <algorithm>

#include "engine/model/error.hpp"
#include "engine/text/byte_token.hpp"
#include "engine/text/sentencepiece_bpe.hpp"

namespace nanoflow::text {
namespace {

using Type = SentencePieceModel::Type;

constexpr std::size_t max_bytes_without_byte_pieces = 128U << 10;

std::string piece_bytes(const SentencePieceModel::Piece& piece) {
  if (piece.type == Type::unused) return {};
  if (piece.type == Type::byte) {
    const auto byte = parse_byte_token(piece.text);
    return byte ? std::string(1, static_cast<char>(*byte)) : std::string();
  }
  std::string text;
  if (piece.type == Type::control || piece.type == Type::unknown) return text.assign(piece.text);
  std::size_t end = 0;
  for (std::size_t at = piece.text.find(piece_blank); at != std::string_view::npos;
       at = piece.text.find(piece_blank, end)) {
    text.append(piece.text, end, at - end).append(1, ' ');
    end = at + piece_blank.size();
  }
  return text.append(piece.text, end);
}

}  // namespace

Vocabulary make_piece_vocabulary(const SentencePieceModel& model) {
  Vocabulary made;
  std::vector<std::string_view> texts;
  made.bytes.reserve(model.pieces.size(), model.pieces.size() * 8);
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    const bool special = piece.type == Type::control || piece.type == Type::unknown;
    if (special) {
      made.added.push_back({.id = static_cast<TokenId>(texts.size()),
                            .content = std::string(piece.text),
                            .special = true});
    }
    texts.push_back(piece.text);
    made.special.push_back(special);
    made.bytes.add(piece_bytes(piece));
  }
  made.texts = std::make_shared<TokenTable>(texts);
  made.bos = model.bos;
  made.eos = model.eos;
  made.drops_leading_space = model.add_dummy_prefix;
  return made;
}

struct SentencePieceTokenizer::Processor {
  std::optional<SentencePieceBpe> bpe;
  sentencepiece::SentencePieceProcessor library;  // where there is no bpe
  bool has_byte_pieces = false;
};

SentencePieceTokenizer::SentencePieceTokenizer(Vocabulary vocabulary,
                                               const SentencePieceModel& model)
    : ModelTokenizer(std::move(vocabulary)) {
  model.check();
  auto made = std::make_unique<Processor>();
  if (SentencePieceBpe::supports(model)) {
    made->bpe.emplace(model);
  } else {
    const auto status = made->library.LoadFromSerializedProto(model.serialize());
    if (!status.ok())
      throw ModelError("sentencepiece refuses the vocabulary: " + status.ToString());
  }
  made->has_byte_pieces =
      std::any_of(model.pieces.begin(), model.pieces.end(),
                  [](const SentencePieceModel::Piece& piece) { return piece.type == Type::byte; });
  processor_ = std::move(made);
}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;

void SentencePieceTokenizer::encode_stretch(std::string text, const TimeBudget&, bool,
                                            std::vector<TokenId>& out) const {
  if (processor_->bpe) return processor_->bpe->encode(text, out);
  // Without byte pieces the library joins a run of unknown characters in quadratic time.
  if (!processor_->has_byte_pieces && text.size() > max_bytes_without_byte_pieces) {
    throw EncodeError("a text of " + std::to_string(text.size()) + " bytes, expected at most " +
                      std::to_string(max_bytes_without_byte_pieces) +
                      " for a vocabulary without byte pieces");
  }
  std::vector<int> ids;
  const auto status = processor_->library.Encode(text, &ids);
  if (!status.ok()) throw EncodeError("sentencepiece cannot encode the text: " + status.ToString());
  out.insert(out.end(), ids.begin(), ids.end());
}

}  // namespace nanoflow::text
