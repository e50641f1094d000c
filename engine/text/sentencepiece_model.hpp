#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/token.hpp"

namespace nanoflow::text {

inline constexpr std::string_view piece_blank = "\xE2\x96\x81";  // ▁ stands for a space

/// What a sentencepiece model says, as far as encoding needs it. libsentencepiece 0.1.97 trusts its
/// files, so it is never given one: a model is read and checked here, and written anew. Kudo,
/// Richardson, "SentencePiece", 2018; the format is sentencepiece_model.proto.
struct SentencePieceModel {
  enum class Type { normal = 1, unknown, control, user_defined, unused, byte };
  enum class Kind { unigram = 1, bpe = 2 };
  struct Piece {
    std::string_view text;  // lies in what the model was read from
    float score = 0.0F;
    Type type = Type::normal;
  };
  Kind kind = Kind::unigram;
  std::vector<Piece> pieces;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  std::string_view character_map;  // compiled normalisation rules
  std::optional<TokenId> bos, eos;

  /// Reads a tokenizer.model. Throws ModelError.
  static SentencePieceModel parse(std::string_view bytes);
  /// Throws ModelError for what libsentencepiece would stumble over.
  void check() const;
  std::string serialize() const;
};

/// The compiled normalisation rules, a trie in an array and the texts it leads to. Throws
/// ModelError where a walk could leave the array or a text has no end.
void check_character_map(std::string_view map);

}  // namespace nanoflow::text
