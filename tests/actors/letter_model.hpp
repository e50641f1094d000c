// A model whose tokens are single bytes, for tests of what stands around it.
#pragma once
#include <memory>
#include <string>

#include "actors/loaded_model.hpp"

namespace nanoflow::test {

/// Token i is the byte i; 256 is the end token "<end>", which is special.
class LetterTokenizer : public Tokenizer {
 public:
  static constexpr TokenId end = 256;

  LetterTokenizer() {
    for (int byte = 0; byte < 256; ++byte) bytes_ += char(byte);
  }
  std::vector<TokenId> encode(const MarkedText& text, EncodeOptions) const override {
    std::vector<TokenId> ids;
    for (const char byte : text.text) ids.push_back((unsigned char)byte);
    return ids;
  }
  std::string_view token_bytes(TokenId id) const override {
    if (id == end) return "<end>";
    return id >= 0 && id < end ? std::string_view(bytes_).substr(std::size_t(id), 1)
                               : std::string_view();
  }
  bool is_special(TokenId id) const override { return id == end; }
  std::optional<TokenId> find(std::string_view text) const override {
    if (text.size() == 1) return (unsigned char)text[0];
    return {};
  }
  int vocab_size() const override { return end + 1; }
  std::optional<TokenId> bos() const override { return {}; }
  std::optional<TokenId> eos() const override { return end; }
  std::vector<TokenId> end_tokens() const override { return {end}; }

 private:
  std::string bytes_;
};

inline LoadedModel letter_model(const std::string& name = "letters") {
  LoadedModel model;
  model.name = name;
  model.vocab_size = 257;
  model.context = 64;
  model.max_waiting = 4;
  model.tokenizer = std::make_shared<LetterTokenizer>();
  return model;
}

}  // namespace nanoflow::test
