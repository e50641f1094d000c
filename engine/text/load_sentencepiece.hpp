#pragma once
#include <filesystem>
#include <memory>

#include "engine/text/load_json.hpp"

namespace nanoflow::text {

/// From a tokenizer.model (sentencepiece's format). Throws ModelError.
std::shared_ptr<const Tokenizer> load_tokenizer_model(const std::filesystem::path& path,
                                                      const TokenizerConfig& config);

}  // namespace nanoflow::text
