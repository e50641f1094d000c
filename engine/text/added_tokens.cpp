#include "engine/text/added_tokens.hpp"

#include <algorithm>

#include "engine/text/character_class.hpp"
#include "engine/text/utf8.hpp"

namespace nanoflow::text {
namespace {

/// The character that ends before `at`; 0 at the beginning.
char32_t character_before(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && at - begin < 4) {
    --begin;
    if ((static_cast<unsigned char>(text[begin]) & 0xC0) != 0x80) break;
  }
  return begin == at ? 0 : next_unit(text.substr(0, at), begin).value;
}

bool inside_word(std::string_view text, Range range) {
  if (is_word(character_before(text, range.begin))) return true;
  return range.end < text.size() && is_word(next_unit(text, range.end).value);
}

std::size_t size_of(char32_t c) {
  std::string text;
  append_utf8(c, text);
  return text.size();
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& token) { return token.content.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    Range& run = by_first_[static_cast<unsigned char>(tokens_[i].content[0])];
    if (run.begin == run.end) run.begin = i;
    run.end = i + 1;
  }
}

const AddedToken* AddedTokens::longest_at(std::string_view text, std::size_t at,
                                          const Allowed& allowed) const {
  const AddedToken* best = nullptr;
  Range run = by_first_[static_cast<unsigned char>(text[at])];
  // The run narrows byte by byte to the tokens that begin as the text does.
  for (std::size_t n = 1; run.begin < run.end; ++n) {
    const AddedToken& shortest = tokens_[run.begin];
    if (shortest.content.size() == n) {
      if (allowed(shortest, {at, at + n})) best = &shortest;
      while (run.begin < run.end && tokens_[run.begin].content.size() == n) ++run.begin;
    }
    if (at + n >= text.size()) break;
    const auto byte = static_cast<unsigned char>(text[at + n]);
    const auto byte_of = [n](const AddedToken& token) {
      return static_cast<unsigned char>(token.content[n]);
    };
    const auto begin = tokens_.begin() + static_cast<std::ptrdiff_t>(run.begin);
    const auto end = tokens_.begin() + static_cast<std::ptrdiff_t>(run.end);
    const auto low =
        std::partition_point(begin, end, [&](const auto& t) { return byte_of(t) < byte; });
    const auto high =
        std::partition_point(low, end, [&](const auto& t) { return byte_of(t) <= byte; });
    run = {static_cast<std::size_t>(low - tokens_.begin()),
           static_cast<std::size_t>(high - tokens_.begin())};
  }
  return best;
}

std::vector<AddedTokens::Found> AddedTokens::find(std::string_view text,
                                                  const Allowed& allowed) const {
  std::vector<Found> found;
  std::size_t taken = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Range run = by_first_[static_cast<unsigned char>(text[at])];
    const AddedToken* const token = run.begin == run.end ? nullptr : longest_at(text, at, allowed);
    if (token == nullptr) {
      ++at;
      continue;
    }
    Range range{at, at + token->content.size()};
    at = range.end;
    if (token->single_word && inside_word(text, range)) continue;
    while (token->strip_left && range.begin > taken) {
      const char32_t before = character_before(text, range.begin);
      if (!is_white_space(before)) break;
      range.begin -= size_of(before);
    }
    while (token->strip_right && range.end < text.size()) {
      const Utf8Unit after = next_unit(text, range.end);
      if (!is_white_space(after.value)) break;
      range.end += after.size;
    }
    found.push_back({range, token->id});
    at = taken = range.end;
  }
  return found;
}

}  // namespace nanoflow::text
