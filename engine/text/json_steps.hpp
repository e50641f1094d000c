#pragma once
#include "engine/text/json_fields.hpp"
#include "engine/text/model_tokenizer.hpp"
#include "engine/text/normalizer.hpp"
#include "engine/text/pre_tokenizer.hpp"

namespace nanoflow::text {

// The parts of a tokenizer.json, each as the library "tokenizers" reads it. What a published
// language model does not use is refused by name. All throw ModelError.
Normalizers read_normalizers(const JsonObject& root);
PreTokenizers read_pre_tokenizers(const JsonObject& root);

/// How a token's text becomes bytes.
class TokenDecoder {
 public:
  explicit TokenDecoder(const JsonObject& root);
  /// `plain`: the text is not written in the alphabet of bytes.
  std::string decode(std::string_view token, bool plain) const;
  bool drops_leading_space() const { return drops_leading_space_; }

 private:
  void add(const JsonObject& step);

  bool byte_level_ = false, byte_fallback_ = false, drops_leading_space_ = false;
  std::vector<std::pair<std::string, std::string>> replacements_;
};

/// Fills prefix and suffix: what the post-processor puts around a text.
void read_post_processor(const JsonObject& root, Vocabulary& vocabulary);

}  // namespace nanoflow::text
