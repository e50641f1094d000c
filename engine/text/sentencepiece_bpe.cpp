#include "engine/text/sentencepiece_bpe.hpp"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "engine/model/error.hpp"
#include "engine/text/byte_token.hpp"
#include "engine/text/quote.hpp"
#include "engine/text/tokenizer.hpp"
#include "engine/text/utf8.hpp"

namespace nanoflow::text {
namespace {

using Type = SentencePieceModel::Type;

constexpr std::uint32_t none = UINT32_MAX;
constexpr std::size_t max_bytes = 1U << 30;  // three times as many still have 32-bit places

bool is_reserved(Type type) {
  return type == Type::unknown || type == Type::control || type == Type::byte;
}

std::vector<std::string_view> texts_of(const SentencePieceModel& model, bool reserved) {
  std::vector<std::string_view> texts;
  texts.reserve(model.pieces.size());
  for (const auto& piece : model.pieces)
    texts.push_back(is_reserved(piece.type) == reserved ? piece.text : std::string_view());
  return texts;
}

/// The highest score has the lowest key: a float's bits order like integers, but for their sign.
std::uint32_t score_key(float score) {
  const auto bits = std::bit_cast<std::uint32_t>(score + 0.0F);  // one zero
  const std::uint32_t ascending = (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
  return ~ascending;
}

}  // namespace

/// One text's symbols while they are merged. A symbol is known by where it begins; it ends where
/// the next begins.
struct SentencePieceBpe::Merging {
  struct Symbol {
    std::uint32_t begin = 0, previous = none, next = none;
    TokenId piece = -1;   // -1: its text is no piece
    TokenId merged = -1;  // what it and the next would become; -1: nothing
    bool frozen = false, gone = false;
  };
  using Halves = std::pair<std::string_view, std::string_view>;

  const SentencePieceBpe& bpe;
  std::string_view text;
  std::vector<Symbol> symbols{};
  std::vector<std::uint64_t> candidates{};       // score key, then place: the order of merging
  std::unordered_map<TokenId, Halves> unused{};  // what an unused piece was merged from
  std::vector<std::pair<std::uint64_t, TokenId>> known{};  // pieces by the hash of their halves

  std::string_view text_of(std::uint32_t i) const {
    const std::uint32_t next = symbols[i].next;
    const std::size_t end = next == none ? text.size() : symbols[next].begin;
    return text.substr(symbols[i].begin, end - symbols[i].begin);
  }

  TokenId find(std::uint32_t left, std::uint32_t right) {
    const auto look_up = [&] {
      const std::string_view first = text_of(left), second = text_of(right);
      return bpe.pieces_.find({first.data(), first.size() + second.size()}).value_or(-1);
    };
    if (symbols[left].piece < 0 || symbols[right].piece < 0) return look_up();
    const auto key = static_cast<std::uint64_t>(symbols[left].piece) << 32 |
                     static_cast<std::uint32_t>(symbols[right].piece);
    auto& [known_key, piece] = known[(key * 0x9E3779B97F4A7C15U) >> 52];
    if (known_key != key) {
      known_key = key;
      piece = look_up();
    }
    return piece;
  }

  void consider(std::uint32_t left, std::uint32_t right) {
    if (left == none) return;
    symbols[left].merged = -1;
    if (right == none || symbols[left].frozen || symbols[right].frozen) return;
    const TokenId piece = find(left, right);
    if (piece < 0) return;
    symbols[left].merged = piece;
    candidates.push_back(static_cast<std::uint64_t>(score_key(bpe.scores_[piece])) << 32 | left);
    std::push_heap(candidates.begin(), candidates.end(), std::greater<>());
    if (bpe.unused_[piece]) unused[piece] = {text_of(left), text_of(right)};
  }

  void split() {
    for (std::size_t at = 0; at < text.size();) {
      Symbol symbol{.begin = static_cast<std::uint32_t>(at)};
      std::size_t size = bpe.user_defined_prefix(text.substr(at));
      symbol.frozen = size != 0;
      if (size == 0) size = next_unit(text, at).size;
      symbol.piece = bpe.pieces_.find(text.substr(at, size)).value_or(-1);
      const auto i = static_cast<std::uint32_t>(symbols.size());
      if (i != 0) {
        symbol.previous = i - 1;
        symbols.back().next = i;
      }
      symbols.push_back(symbol);
      at += size;
    }
  }

  void run() {
    known.assign(4096, {UINT64_MAX, -1});
    split();
    for (std::uint32_t i = 0; i + 1 < symbols.size(); ++i) consider(i, i + 1);
    while (!candidates.empty()) {
      std::pop_heap(candidates.begin(), candidates.end(), std::greater<>());
      const std::uint64_t candidate = candidates.back();
      candidates.pop_back();
      const auto i = static_cast<std::uint32_t>(candidate);
      Symbol& left = symbols[i];
      // It or its neighbour may have been merged with another since.
      if (left.gone || left.merged < 0 || score_key(bpe.scores_[left.merged]) != candidate >> 32)
        continue;
      Symbol& right = symbols[left.next];
      right.gone = true;
      left.piece = left.merged;
      left.next = right.next;
      if (left.next != none) symbols[left.next].previous = i;
      consider(left.previous, i);
      consider(i, left.next);
    }
  }
};

bool SentencePieceBpe::supports(const SentencePieceModel& model) {
  return model.kind == SentencePieceModel::Kind::bpe && model.character_map.empty() &&
         !model.remove_extra_whitespaces;
}

SentencePieceBpe::SentencePieceBpe(const SentencePieceModel& model)
    : pieces_(texts_of(model, false)),
      reserved_(texts_of(model, true)),
      add_dummy_prefix_(model.add_dummy_prefix),
      escape_whitespaces_(model.escape_whitespaces) {
  bytes_.fill(-1);
  scores_.reserve(model.pieces.size());
  unused_.reserve(model.pieces.size());
  for (TokenId id = 0; id < pieces_.size(); ++id) {
    const auto& piece = model.pieces[id];
    scores_.push_back(piece.score);
    unused_.push_back(piece.type == Type::unused);
    if ((is_reserved(piece.type) ? reserved_ : pieces_).find(piece.text) != id)
      throw ModelError("piece " + std::to_string(id) + ": " + quote(piece.text) +
                       " is there twice");
    if (piece.type == Type::unknown) unknown_ = id;
    if (piece.type == Type::user_defined)
      user_defined_[static_cast<unsigned char>(piece.text[0])].emplace_back(piece.text);
    const auto byte = piece.type == Type::byte ? parse_byte_token(piece.text) : std::nullopt;
    if (byte) bytes_[*byte] = id;
    has_bytes_ = has_bytes_ || byte;
  }
  for (auto& texts : user_defined_) {
    std::stable_sort(texts.begin(), texts.end(),
                     [](const auto& a, const auto& b) { return a.size() > b.size(); });
  }
}

std::size_t SentencePieceBpe::user_defined_prefix(std::string_view text) const {
  for (const std::string& piece : user_defined_[static_cast<unsigned char>(text[0])]) {
    if (text.starts_with(piece)) return piece.size();
  }
  return 0;
}

std::string SentencePieceBpe::normalize(std::string_view text) const {
  const std::string_view space = escape_whitespaces_ ? piece_blank : " ";
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  if (add_dummy_prefix_) out += space;
  for (const char c : text) c == ' ' ? out += space : out += c;
  return out;
}

void SentencePieceBpe::append(std::string_view text, const Merging& merging,
                              std::vector<TokenId>& out) const {
  const auto reserved = reserved_.find(text), piece = reserved ? reserved : pieces_.find(text);
  if (piece && !reserved && unused_[*piece]) {
    const auto halves = merging.unused.find(*piece);
    if (halves != merging.unused.end()) {
      append(halves->second.first, merging, out);
      append(halves->second.second, merging, out);
      return;
    }
  }
  if (piece && *piece != unknown_) return out.push_back(*piece);
  if (!has_bytes_) return out.push_back(unknown_);
  for (const char byte : text) out.push_back(bytes_[static_cast<unsigned char>(byte)]);
}

void SentencePieceBpe::encode(std::string_view text, std::vector<TokenId>& out) const {
  if (text.empty()) return;
  if (text.size() > max_bytes) {
    throw EncodeError("a text of " + std::to_string(text.size()) + " bytes, expected at most " +
                      std::to_string(max_bytes));
  }
  const std::string normalized = normalize(text);
  Merging merging{.bpe = *this, .text = normalized};
  merging.run();
  std::vector<TokenId> ids;
  for (std::uint32_t i = 0; i < merging.symbols.size(); ++i) {
    if (merging.symbols[i].gone) continue;
    const TokenId piece = merging.symbols[i].piece;
    if (piece >= 0 && !unused_[piece]) {
      ids.push_back(piece);
    } else {
      append(merging.text_of(i), merging, ids);
    }
  }
  for (const TokenId id : ids) {  // neighbouring unknown symbols become one
    if (id == unknown_ && !out.empty() && out.back() == unknown_ && &id != ids.data()) continue;
    out.push_back(id);
  }
}

}  // namespace nanoflow::text
