#include "engine/text/tokenizer.hpp"

#include "engine/text/incremental_decoder.hpp"

namespace nanoflow {

std::vector<TokenId> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  return encode(MarkedText{std::string(text), {}}, options);
}

std::string Tokenizer::decode(std::span<const TokenId> tokens, bool skip_special) const {
  IncrementalDecoder decoder(*this, {.skip_special = skip_special});
  std::string text;
  for (const TokenId token : tokens) text += decoder.push(token).text;
  return text + decoder.finish();
}

}  // namespace nanoflow
