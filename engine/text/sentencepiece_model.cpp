#include "engine/text/sentencepiece_model.hpp"

#include <algorithm>
#include <cmath>

#include "engine/model/error.hpp"
#include "engine/text/protobuf.hpp"
#include "engine/text/quote.hpp"
#include "engine/text/utf8.hpp"

namespace nanoflow::text {
namespace {

using Model = SentencePieceModel;

// Field numbers of sentencepiece_model.proto.
namespace model_field {
enum : std::uint32_t { pieces = 1, trainer = 2, normalizer = 3 };
}
namespace piece_field {
enum : std::uint32_t { text = 1, score = 2, type = 3 };
}
namespace trainer_field {
enum : std::uint32_t {
  kind = 3,
  whitespace_as_suffix = 24,
  byte_fallback = 35,
  bos = 41,
  eos = 42
};
}
namespace normalizer_field {
enum : std::uint32_t { character_map = 2, dummy_prefix = 3, extra_whitespaces = 4, escape = 5 };
}

constexpr std::size_t max_pieces = 4U << 20, max_piece_bytes = 4096;

Model::Piece parse_piece(std::string_view bytes, std::size_t number) {
  Model::Piece piece;
  ProtobufReader reader(bytes);
  while (const auto field = reader.next()) {
    if (field->number == piece_field::text) piece.text = field->bytes;
    if (field->number == piece_field::score) piece.score = field->as_float();
    if (field->number != piece_field::type) continue;
    if (field->integer < 1 || field->integer > 6) {
      throw ModelError("piece " + std::to_string(number) + ": expected a type of 1 to 6, found " +
                       std::to_string(field->integer));
    }
    piece.type = static_cast<Model::Type>(field->integer);
  }
  return piece;
}

void parse_trainer(std::string_view bytes, Model& model) {
  std::int64_t bos = 1, eos = 2;  // the format's defaults; -1: none
  ProtobufReader reader(bytes);
  while (const auto field = reader.next()) {
    if (field->number == trainer_field::kind) {
      if (field->integer != 1 && field->integer != 2) {
        throw ModelError("trainer_spec.model_type: expected 1 (unigram) or 2 (BPE), found " +
                         std::to_string(field->integer));
      }
      model.kind = static_cast<Model::Kind>(field->integer);
    }
    if (field->number == trainer_field::whitespace_as_suffix && field->integer != 0)
      throw ModelError("trainer_spec.treat_whitespace_as_suffix: expected false, found true");
    if (field->number == trainer_field::bos) bos = static_cast<std::int64_t>(field->integer);
    if (field->number == trainer_field::eos) eos = static_cast<std::int64_t>(field->integer);
  }
  const auto id = [&](std::int64_t value) -> std::optional<TokenId> {
    if (value < 0 || value >= static_cast<std::int64_t>(max_pieces)) return std::nullopt;
    return static_cast<TokenId>(value);
  };
  model.bos = id(bos);
  model.eos = id(eos);
}

void parse_normalizer(std::string_view bytes, Model& model) {
  ProtobufReader reader(bytes);
  while (const auto field = reader.next()) {
    if (field->number == normalizer_field::character_map) model.character_map = field->bytes;
    if (field->number == normalizer_field::dummy_prefix)
      model.add_dummy_prefix = field->integer != 0;
    if (field->number == normalizer_field::extra_whitespaces)
      model.remove_extra_whitespaces = field->integer != 0;
    if (field->number == normalizer_field::escape) model.escape_whitespaces = field->integer != 0;
  }
}

void check_piece(const Model::Piece& piece, std::size_t number) {
  const auto fail = [&](const std::string& what) {
    throw ModelError("piece " + std::to_string(number) + ": " + what);
  };
  if (piece.text.empty()) fail("expected a text, found none");
  if (piece.text.size() > max_piece_bytes) {
    fail("expected at most " + std::to_string(max_piece_bytes) + " bytes, found " +
         std::to_string(piece.text.size()));
  }
  if (!is_utf8(piece.text) || piece.text.find('\0') != std::string_view::npos)
    fail("expected UTF-8 without a zero byte, found " + quote(piece.text));
  if (!std::isfinite(piece.score)) fail("expected a finite score");
}

}  // namespace

SentencePieceModel SentencePieceModel::parse(std::string_view bytes) {
  SentencePieceModel model;
  std::string_view trainer, normalizer;
  ProtobufReader reader(bytes);
  while (const auto field = reader.next()) {
    if (!field->is_bytes) continue;
    if (field->number == model_field::trainer) trainer = field->bytes;
    if (field->number == model_field::normalizer) normalizer = field->bytes;
    if (field->number != model_field::pieces) continue;
    if (model.pieces.size() == max_pieces)
      throw ModelError("more than " + std::to_string(max_pieces) + " pieces");
    model.pieces.push_back(parse_piece(field->bytes, model.pieces.size()));
  }
  parse_trainer(trainer, model);
  parse_normalizer(normalizer, model);
  return model;
}

void SentencePieceModel::check() const {
  const auto count = [&](Type type) {
    return std::count_if(pieces.begin(), pieces.end(),
                         [&](const Piece& p) { return p.type == type; });
  };
  if (count(Type::unknown) != 1) {
    throw ModelError("the vocabulary has " + std::to_string(count(Type::unknown)) +
                     " unknown pieces, expected 1");
  }
  if (count(Type::normal) == 0) throw ModelError("the vocabulary has no normal piece");
  const auto n_bytes = count(Type::byte);
  if (n_bytes != 0 && n_bytes != 256) {
    throw ModelError("the vocabulary has " + std::to_string(n_bytes) +
                     " byte pieces, expected none or 256");
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) check_piece(pieces[i], i);
  for (const auto& id : {bos, eos}) {
    if (id && static_cast<std::size_t>(*id) >= pieces.size()) {
      throw ModelError("bos or eos is piece " + std::to_string(*id) + " of " +
                       std::to_string(pieces.size()));
    }
  }
  if (!character_map.empty()) check_character_map(character_map);
}

std::string SentencePieceModel::serialize() const {
  ProtobufWriter out;
  bool has_bytes = false;
  for (const Piece& piece : pieces) {
    ProtobufWriter one;
    one.put(piece_field::text, piece.text);
    one.put(piece_field::score, piece.score);
    one.put(piece_field::type, static_cast<std::uint64_t>(piece.type));
    out.put(model_field::pieces, one.bytes());
    has_bytes = has_bytes || piece.type == Type::byte;
  }
  ProtobufWriter trainer;
  trainer.put(trainer_field::kind, static_cast<std::uint64_t>(kind));
  trainer.put(trainer_field::byte_fallback, std::uint64_t{has_bytes});
  out.put(model_field::trainer, trainer.bytes());
  ProtobufWriter normalizer;
  if (!character_map.empty()) normalizer.put(normalizer_field::character_map, character_map);
  normalizer.put(normalizer_field::dummy_prefix, std::uint64_t{add_dummy_prefix});
  normalizer.put(normalizer_field::extra_whitespaces, std::uint64_t{remove_extra_whitespaces});
  normalizer.put(normalizer_field::escape, std::uint64_t{escape_whitespaces});
  out.put(model_field::normalizer, normalizer.bytes());
  return out.bytes();
}

void check_character_map(std::string_view map) {
  // 4 bytes: the trie's size; the trie; the texts, each ended by a zero byte.
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 4; i > 0; --i)
      value = value << 8 | static_cast<unsigned char>(map[at + i - 1]);
    return value;
  };
  if (map.size() <= 4) throw ModelError("precompiled_charsmap: expected a trie, found nothing");
  const std::size_t trie_bytes = word(0);
  if (trie_bytes == 0 || trie_bytes % 4 != 0 || trie_bytes >= map.size() - 4 ||
      map.back() != '\0') {
    throw ModelError("precompiled_charsmap: expected a trie and texts in " +
                     std::to_string(map.size()) + " bytes, found a trie of " +
                     std::to_string(trie_bytes));
  }
  // A unit is a node, from which byte b leads to unit (its place ^ its offset ^ b), or a leaf with
  // the place of a text (Darts-clone's double array).
  const std::size_t n_units = trie_bytes / 4, n_text_bytes = map.size() - 4 - trie_bytes;
  for (std::size_t i = 0; i < n_units; ++i) {
    const std::uint32_t unit = word(4 + 4 * i);
    const bool leaf = (unit >> 31) != 0;
    const std::size_t offset = static_cast<std::size_t>(unit >> 10) << ((unit & 0x200) >> 6);
    const bool inside = leaf ? (unit & 0x7FFFFFFF) < n_text_bytes : ((i ^ offset) | 0xFF) < n_units;
    if (!inside) {
      throw ModelError("precompiled_charsmap: unit " + std::to_string(i) + " of " +
                       std::to_string(n_units) + " leads outside");
    }
  }
}

}  // namespace nanoflow::text
