#pragma once
#include <memory>

#include "engine/model/gguf_file.hpp"
#include "engine/text/model_tokenizer.hpp"

namespace nanoflow::text {

// How a GGUF file's tokenizer.ggml.* keys become a tokenizer: of model "gpt2", and of model
// "llama". Both throw ModelError.
std::shared_ptr<const Tokenizer> load_gguf_bpe(const GgufFile& file);
std::shared_ptr<const Tokenizer> load_gguf_sentencepiece(const GgufFile& file);

/// tokenizer.ggml.token_type.
enum class GgufTokenType { normal = 1, unknown, control, user_defined, unused, byte };

/// What both have: texts, types, and ids that the file names.
struct GgufVocabulary {
  std::vector<std::string_view> texts;  // lie in the file
  std::vector<GgufTokenType> types;
  std::optional<TokenId> bos, eos, unknown;
  std::vector<TokenId> ends;  // eot and eom

  explicit GgufVocabulary(const GgufFile& file);
  /// All of a Vocabulary but the tokens' bytes. `add_bos`: where the file does not say.
  Vocabulary make(const GgufFile& file, bool add_bos) const;
};

}  // namespace nanoflow::text
