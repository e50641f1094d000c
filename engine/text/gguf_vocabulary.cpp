#include <limits>

#include "engine/model/error.hpp"
#include "engine/text/load_gguf.hpp"
#include "engine/text/quote.hpp"

namespace nanoflow::text {
namespace {

std::optional<TokenId> named_token(const GgufFile& file, const std::string& key,
                                   std::size_t n_tokens) {
  const auto id = file.integer("tokenizer.ggml." + key);
  if (!id) return std::nullopt;
  // Some files write all ones for "none".
  if (*id == -1 || *id == std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  if (*id < 0 || static_cast<std::uint64_t>(*id) >= n_tokens) {
    throw ModelError("tokenizer.ggml." + key + " is " + std::to_string(*id) +
                     ", expected an id below " + std::to_string(n_tokens));
  }
  return static_cast<TokenId>(*id);
}

std::vector<GgufTokenType> read_types(const GgufFile& file, std::size_t n_tokens) {
  const auto found = file.integers("tokenizer.ggml.token_type");
  if (!found) return std::vector<GgufTokenType>(n_tokens, GgufTokenType::normal);
  if (found->size() != n_tokens) {
    throw ModelError("tokenizer.ggml.token_type has " + std::to_string(found->size()) +
                     " entries, expected " + std::to_string(n_tokens) + ", one a token");
  }
  std::vector<GgufTokenType> types;
  types.reserve(n_tokens);
  for (const std::int64_t type : *found) {
    if (type < 1 || type > 6) {
      throw ModelError("tokenizer.ggml.token_type of token " + std::to_string(types.size()) +
                       " is " + std::to_string(type) + ", expected 1 to 6");
    }
    types.push_back(static_cast<GgufTokenType>(type));
  }
  return types;
}

}  // namespace

GgufVocabulary::GgufVocabulary(const GgufFile& file) {
  auto found = file.texts("tokenizer.ggml.tokens");
  if (!found || found->empty())
    throw ModelError("tokenizer.ggml.tokens: no vocabulary in the file");
  if (found->size() > static_cast<std::size_t>(std::numeric_limits<TokenId>::max()) / 4) {
    throw ModelError("tokenizer.ggml.tokens has " + std::to_string(found->size()) +
                     " entries, expected less than 2^29");
  }
  texts = std::move(*found);
  types = read_types(file, texts.size());
  bos = named_token(file, "bos_token_id", texts.size());
  eos = named_token(file, "eos_token_id", texts.size());
  unknown = named_token(file, "unknown_token_id", texts.size());
  for (const char* key : {"eot_token_id", "eom_token_id"}) {
    if (const auto id = named_token(file, key, texts.size())) ends.push_back(*id);
  }
}

Vocabulary GgufVocabulary::make(const GgufFile& file, bool add_bos) const {
  Vocabulary made;
  made.texts = std::make_shared<TokenTable>(texts);
  made.bos = bos;
  made.eos = eos;
  if (bos && file.flag("tokenizer.ggml.add_bos_token").value_or(add_bos)) made.prefix = {*bos};
  if (eos && file.flag("tokenizer.ggml.add_eos_token").value_or(false)) made.suffix = {*eos};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const bool special = types[i] == GgufTokenType::control || types[i] == GgufTokenType::unknown;
    made.special.push_back(special);
    if (special || types[i] == GgufTokenType::user_defined) {
      made.added.push_back(
          {.id = static_cast<TokenId>(i), .content = std::string(texts[i]), .special = special});
    }
  }
  find_end_tokens(made, ends);
  return made;
}

}  // namespace nanoflow::text
