#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/token.hpp"

namespace nanoflow::text {

/// Texts by id, in one block of memory: a vocabulary has up to a few hundred thousand of them and
/// must load in milliseconds.
class TokenTexts {
 public:
  void reserve(std::size_t n_texts, std::size_t n_bytes);
  void add(std::string_view text);  // gets the next id; throws ModelError beyond 4 GiB
  int size() const { return static_cast<int>(ends_.size()); }
  bool contains(TokenId id) const { return id >= 0 && id < size(); }
  std::string_view text(TokenId id) const {  // of an id that is contained
    const std::size_t begin = id == 0 ? 0 : ends_[id - 1];
    return std::string_view(bytes_).substr(begin, ends_[id] - begin);
  }

 private:
  std::string bytes_;
  std::vector<std::uint32_t> ends_;
};

/// A vocabulary: texts by id and ids by text.
class TokenTable {
 public:
  /// Ids count up from 0. An empty text is an unused id, which is never found; of equal texts the
  /// first is.
  explicit TokenTable(const std::vector<std::string_view>& texts);

  int size() const { return texts_.size(); }
  bool contains(TokenId id) const { return texts_.contains(id); }
  std::string_view text(TokenId id) const { return texts_.text(id); }
  std::optional<TokenId> find(std::string_view text) const;

 private:
  TokenTexts texts_;
  std::vector<TokenId> slots_;  // open addressing, a power of two; -1 is free
};

}  // namespace nanoflow::text
