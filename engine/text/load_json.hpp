#pragma once
#include <filesystem>
#include <memory>

#include "engine/text/tokenizer.hpp"

namespace nanoflow::text {

/// What a folder's tokenizer_config.json says of the tokens around a text.
struct TokenizerConfig {
  std::optional<std::string> bos_token, eos_token;
  std::optional<bool> add_bos_token, add_eos_token;
};
/// All empty where the file does not exist. Throws ModelError.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& path);

/// From a tokenizer.json (the format of the library "tokenizers"). Throws ModelError.
std::shared_ptr<const Tokenizer> load_tokenizer_json(const std::filesystem::path& path,
                                                     const TokenizerConfig& config);

}  // namespace nanoflow::text
