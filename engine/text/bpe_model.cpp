#include "engine/text/bpe_model.hpp"

#include <algorithm>
#include <bit>
#include <queue>

#include "engine/model/error.hpp"
#include "engine/text/byte_token.hpp"
#include "engine/text/quote.hpp"
#include "engine/text/utf8.hpp"

namespace nanoflow::text {
namespace {

/// Up to this many symbols, looking at all pairs for each merge beats a heap.
constexpr std::size_t short_word = 40;

std::size_t hash_pair(TokenId left, TokenId right) {
  const auto key = static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
                   static_cast<std::uint32_t>(right);
  return (key * 0x9E3779B97F4A7C15U) >> 20;  // Fibonacci hashing: the high bits are mixed best
}

}  // namespace

BpeModel::BpeModel(std::shared_ptr<const TokenTable> tokens, std::vector<BpeMerge> merges,
                   Options options)
    : tokens_(std::move(tokens)), merges_(std::move(merges)), options_(options) {
  slots_.assign(std::bit_ceil(2 * merges_.size() + 1), no_rank);
  for (std::uint32_t rank = 0; rank < merges_.size(); ++rank) {
    const BpeMerge& merge = merges_[rank];
    std::size_t slot = hash_pair(merge.left, merge.right) & (slots_.size() - 1);
    while (slots_[slot] != no_rank &&
           (merges_[slots_[slot]].left != merge.left || merges_[slots_[slot]].right != merge.right))
      slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = rank;  // of equal merges the last one counts, as in the tokenizers library
  }
  for (char32_t c = 0; c < low_.size(); ++c) {
    std::string text;
    append_utf8(c, text);
    low_[c] = tokens_->find(text).value_or(-1);
  }
  for (int byte = 0; byte < 256; ++byte)
    bytes_[byte] = tokens_->find(byte_token(static_cast<unsigned char>(byte))).value_or(-1);
}

std::optional<TokenId> BpeModel::find_character(char32_t value, std::string_view text) const {
  if (value >= low_.size()) return tokens_->find(text);
  if (low_[value] < 0) return std::nullopt;
  return low_[value];
}

void BpeModel::append_characters(std::string_view word, std::vector<TokenId>& symbols) const {
  bool after_unknown = false;
  for (std::size_t at = 0; at < word.size();) {
    const Utf8Unit unit = next_unit(word, at);
    const std::string_view character = word.substr(at, unit.size);
    at += unit.size;
    if (const auto id = find_character(unit.value, character)) {
      symbols.push_back(*id);
      after_unknown = false;
      continue;
    }
    const auto byte_token = [&](char byte) { return bytes_[static_cast<unsigned char>(byte)]; };
    const auto known = [&](char byte) { return byte_token(byte) >= 0; };
    if (options_.byte_fallback && std::all_of(character.begin(), character.end(), known)) {
      for (const char byte : character) symbols.push_back(byte_token(byte));
      after_unknown = false;
      continue;
    }
    if (options_.unknown && !(after_unknown && options_.fuse_unknown))
      symbols.push_back(*options_.unknown);
    after_unknown = true;
  }
}

std::uint32_t BpeModel::rank(TokenId left, TokenId right) const {
  std::size_t slot = hash_pair(left, right) & (slots_.size() - 1);
  for (; slots_[slot] != no_rank; slot = (slot + 1) & (slots_.size() - 1)) {
    const BpeMerge& merge = merges_[slots_[slot]];
    if (merge.left == left && merge.right == right) return slots_[slot];
  }
  return no_rank;
}

void BpeModel::encode(std::string_view word, std::vector<TokenId>& out) const {
  if (options_.ignore_merges) {
    if (const auto id = tokens_->find(word)) return out.push_back(*id);
  }
  const std::size_t begin = out.size();
  append_characters(word, out);
  out.size() - begin <= short_word ? merge_short(out, begin) : merge_long(out, begin);
}

void BpeModel::merge_short(std::vector<TokenId>& symbols, std::size_t begin) const {
  std::size_t n = symbols.size() - begin;
  if (n < 2) return;
  TokenId* const s = symbols.data() + begin;
  std::array<std::uint32_t, short_word> ranks;  // of the pair (i, i + 1)
  for (std::size_t i = 0; i + 1 < n; ++i) ranks[i] = rank(s[i], s[i + 1]);
  while (n >= 2) {
    const auto best = std::min_element(ranks.begin(), ranks.begin() + (n - 1));
    if (*best == no_rank) break;
    const std::size_t i = best - ranks.begin();
    s[i] = merges_[*best].merged;
    std::copy(s + i + 2, s + n, s + i + 1);
    std::copy(ranks.begin() + i + 1, ranks.begin() + (n - 1), ranks.begin() + i);
    --n;
    if (i > 0) ranks[i - 1] = rank(s[i - 1], s[i]);
    if (i + 1 < n) ranks[i] = rank(s[i], s[i + 1]);
  }
  symbols.resize(begin + n);
}

void BpeModel::merge_long(std::vector<TokenId>& symbols, std::size_t begin) const {
  constexpr std::uint32_t none = UINT32_MAX;
  const auto n = static_cast<std::uint32_t>(symbols.size() - begin);
  TokenId* const s = symbols.data() + begin;  // -1: merged into the one before
  std::vector<std::uint32_t> previous(n), next(n);
  std::vector<std::uint64_t> candidates;  // rank, then place: the order of merging
  const auto consider = [&](std::uint32_t left, std::uint32_t right) {
    if (left == none || right == none) return;
    const std::uint32_t r = rank(s[left], s[right]);
    if (r == no_rank) return;
    candidates.push_back(static_cast<std::uint64_t>(r) << 32 | left);
    std::push_heap(candidates.begin(), candidates.end(), std::greater<>());
  };
  for (std::uint32_t i = 0; i < n; ++i) {
    previous[i] = i == 0 ? none : i - 1;
    next[i] = i + 1 == n ? none : i + 1;
    consider(i, next[i]);
  }
  while (!candidates.empty()) {
    std::pop_heap(candidates.begin(), candidates.end(), std::greater<>());
    const BpeMerge& merge = merges_[candidates.back() >> 32];
    const auto left = static_cast<std::uint32_t>(candidates.back());
    candidates.pop_back();
    const std::uint32_t right = next[left];
    // One of the two may have been merged with another since.
    if (right == none || s[left] != merge.left || s[right] != merge.right) continue;
    s[left] = merge.merged;
    s[right] = -1;
    next[left] = next[right];
    next[right] = none;
    if (next[left] != none) previous[next[left]] = left;
    consider(previous[left], left);
    consider(left, next[left]);
  }
  symbols.erase(std::remove(symbols.begin() + begin, symbols.end(), -1), symbols.end());
}

BpeMerge make_merge(std::string_view left, std::string_view right, const TokenTable& tokens,
                    std::size_t number) {
  const auto find = [&](std::string_view text) {
    if (const auto id = tokens.find(text)) return *id;
    throw ModelError("merge " + std::to_string(number) + " of " + quote(left) + " and " +
                     quote(right) + ": " + quote(text) + " is not in the vocabulary");
  };
  return {find(left), find(right), find(std::string(left).append(right))};
}

std::vector<BpeMerge> parse_merges(const std::vector<std::string_view>& lines,
                                   const TokenTable& tokens) {
  std::vector<BpeMerge> merges;
  merges.reserve(lines.size());
  for (const std::string_view line : lines) {
    // The first character may itself be a space, where the vocabulary is not byte-level.
    const std::size_t space = line.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == line.size()) {
      throw ModelError("merge " + std::to_string(merges.size()) + ": expected two texts, found " +
                       quote(line));
    }
    merges.push_back(
        make_merge(line.substr(0, space), line.substr(space + 1), tokens, merges.size()));
  }
  return merges;
}

}  // namespace nanoflow::text
