#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/sentencepiece_model.hpp"
#include "engine/text/token_table.hpp"

namespace nanoflow::text {

/// Sentencepiece's BPE, to the same ids: neighbours whose joined text is a piece are merged, the
/// highest score first, then the leftmost. libsentencepiece 0.1.97 takes seconds for a megabyte of
/// one letter; here a pair's text is looked up once per text, not once per place.
class SentencePieceBpe {
 public:
  /// What real models of this kind are; all else is left to the library: rules that rewrite
  /// characters, and white space that is trimmed.
  static bool supports(const SentencePieceModel& model);
  /// A supported and checked model. Throws ModelError for a piece that is there twice.
  explicit SentencePieceBpe(const SentencePieceModel& model);

  /// Appends the ids of UTF-8. Takes O(n log n) for n characters.
  void encode(std::string_view text, std::vector<TokenId>& out) const;

 private:
  struct Merging;
  std::string normalize(std::string_view text) const;
  /// Bytes of the longest user-defined piece that `text` begins with; 0: none.
  std::size_t user_defined_prefix(std::string_view text) const;
  void append(std::string_view text, const Merging& merging, std::vector<TokenId>& out) const;

  TokenTable pieces_;    // normal, user-defined and unused: what merges may make
  TokenTable reserved_;  // unknown, control and byte pieces: what a symbol may only happen to be
  std::vector<float> scores_;
  std::vector<bool> unused_;
  std::array<std::vector<std::string>, 256> user_defined_;  // by first byte, the longest first
  std::array<TokenId, 256> bytes_;
  TokenId unknown_ = 0;
  bool has_bytes_ = false;
  bool add_dummy_prefix_, escape_whitespaces_;
};

}  // namespace nanoflow::text
