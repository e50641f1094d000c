#pragma once
#include <utility>

#include "engine/text/tokenizer.hpp"

namespace nanoflow::test {

/// A vocabulary without words.
class NoText : public Tokenizer {
 public:
  explicit NoText(int vocab_size, std::vector<TokenId> end_tokens = {})
      : vocab_size_(vocab_size), end_tokens_(std::move(end_tokens)) {}

  std::vector<TokenId> encode(const MarkedText&, EncodeOptions) const override { return {1}; }
  std::string_view token_bytes(TokenId) const override { return "x"; }
  bool is_special(TokenId) const override { return false; }
  std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
  int vocab_size() const override { return vocab_size_; }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  std::optional<TokenId> eos() const override { return std::nullopt; }
  std::vector<TokenId> end_tokens() const override { return end_tokens_; }

 private:
  int vocab_size_;
  std::vector<TokenId> end_tokens_;
};

}  // namespace nanoflow::test
