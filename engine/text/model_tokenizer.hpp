#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/added_tokens.hpp"
#include "engine/text/token_table.hpp"
#include "engine/text/tokenizer.hpp"

namespace nanoflow::text {

/// What every kind of tokenizer knows of its tokens.
struct Vocabulary {
  std::shared_ptr<const TokenTable> texts;  // as the file writes them
  TokenTexts bytes;                         // what each stands for in decoded text
  std::vector<bool> special;                // by id
  std::vector<AddedToken> added;
  std::optional<TokenId> bos, eos;
  std::vector<TokenId> prefix, suffix;  // what add_special puts around a text
  std::vector<TokenId> end_tokens;      // ascending
  bool drops_leading_space = false;
};

/// Marks the tokens whose names say that they end an answer, and those the file itself names.
void find_end_tokens(Vocabulary& vocabulary, const std::vector<TokenId>& named_by_file);

/// The part of encoding that all tokenizers share: special and added tokens are found first, and
/// what is between them is encoded stretch by stretch.
class ModelTokenizer : public Tokenizer {
 public:
  explicit ModelTokenizer(Vocabulary vocabulary);

  using Tokenizer::encode;
  std::vector<TokenId> encode(const MarkedText& text, EncodeOptions options) const override;
  std::string_view token_bytes(TokenId id) const override;
  bool is_special(TokenId id) const override;
  std::optional<TokenId> find(std::string_view token_text) const override;
  int vocab_size() const override { return vocabulary_.texts->size(); }
  std::optional<TokenId> bos() const override { return vocabulary_.bos; }
  std::optional<TokenId> eos() const override { return vocabulary_.eos; }
  bool drops_leading_space() const override { return vocabulary_.drops_leading_space; }
  std::vector<TokenId> end_tokens() const override { return vocabulary_.end_tokens; }

 protected:
  /// Appends the tokens of a text of whole characters, in which no token is special. `at_start`:
  /// the whole text begins with it.
  virtual void encode_stretch(std::string text, const TimeBudget& budget, bool at_start,
                              std::vector<TokenId>& out) const = 0;

 private:
  Vocabulary vocabulary_;
  AddedTokens added_;
};

}  // namespace nanoflow::text
