#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/token_table.hpp"

namespace nanoflow::text {

/// Two neighbouring tokens that become one; its rank is its place in the list, the lowest goes
/// first.
struct BpeMerge {
  TokenId left = 0, right = 0, merged = 0;
};

/// Byte pair encoding of one word: characters, then merges by rank.
/// Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016.
class BpeModel {
 public:
  struct Options {
    bool ignore_merges = false;  // a word that is a token as it stands is that token
    bool byte_fallback = false;  // an unknown character becomes its bytes' tokens, <0x00> to <0xFF>
    bool fuse_unknown = false;   // neighbouring unknown characters become one
    std::optional<TokenId> unknown{};  // without it, unknown characters are left out
  };
  BpeModel(std::shared_ptr<const TokenTable> tokens, std::vector<BpeMerge> merges, Options options);

  /// Appends the word's tokens. `word` is UTF-8. Takes O(n log n) for a word of n characters.
  void encode(std::string_view word, std::vector<TokenId>& out) const;

 private:
  static constexpr std::uint32_t no_rank = UINT32_MAX;
  std::optional<TokenId> find_character(char32_t value, std::string_view text) const;
  void append_characters(std::string_view word, std::vector<TokenId>& symbols) const;
  std::uint32_t rank(TokenId left, TokenId right) const;
  void merge_short(std::vector<TokenId>& symbols, std::size_t begin) const;
  void merge_long(std::vector<TokenId>& symbols, std::size_t begin) const;

  std::shared_ptr<const TokenTable> tokens_;
  std::vector<BpeMerge> merges_;
  Options options_;
  std::vector<std::uint32_t> slots_;  // ranks by the hash of (left, right), open addressing
  std::array<TokenId, 0x200> low_;    // tokens of the characters below U+0200; -1: unknown
  std::array<TokenId, 256> bytes_;    // byte fallback's tokens; -1: not in the vocabulary
};

/// Merges as files write them, "left right". Throws ModelError when one names what is no token.
std::vector<BpeMerge> parse_merges(const std::vector<std::string_view>& lines,
                                   const TokenTable& tokens);
/// The merge of two token texts; `number` is its place, for the error.
BpeMerge make_merge(std::string_view left, std::string_view right, const TokenTable& tokens,
                    std::size_t number);

}  // namespace nanoflow::text
