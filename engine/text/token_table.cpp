#include "engine/text/token_table.hpp"

#include <bit>
#include <functional>
#include <limits>

#include "engine/model/error.hpp"

namespace nanoflow::text {

void TokenTexts::reserve(std::size_t n_texts, std::size_t n_bytes) {
  ends_.reserve(n_texts);
  bytes_.reserve(n_bytes);
}

void TokenTexts::add(std::string_view text) {
  if (text.size() > std::numeric_limits<std::uint32_t>::max() - bytes_.size())
    throw ModelError("the vocabulary's texts: expected less than 4 GiB, found more");
  bytes_ += text;
  ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
}

TokenTable::TokenTable(const std::vector<std::string_view>& texts) {
  std::size_t n_bytes = 0;
  for (const std::string_view text : texts) n_bytes += text.size();
  texts_.reserve(texts.size(), n_bytes);
  slots_.assign(std::bit_ceil(2 * texts.size() + 1), -1);
  for (const std::string_view text : texts) {
    texts_.add(text);
    if (text.empty()) continue;
    std::size_t slot = std::hash<std::string_view>()(text) & (slots_.size() - 1);
    while (slots_[slot] >= 0 && this->text(slots_[slot]) != text)
      slot = (slot + 1) & (slots_.size() - 1);
    if (slots_[slot] < 0) slots_[slot] = size() - 1;
  }
}

std::optional<TokenId> TokenTable::find(std::string_view text) const {
  std::size_t slot = std::hash<std::string_view>()(text) & (slots_.size() - 1);
  for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
    if (this->text(slots_[slot]) == text) return slots_[slot];
  }
  return std::nullopt;
}

}  // namespace nanoflow::text
