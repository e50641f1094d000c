#pragma once
#include <string_view>
#include <vector>

namespace nanoflow::text {

/// What a GGUF file's tokenizer.ggml.pre stands for. The file names the pre-tokenizer of the
/// model's tokenizer.json instead of describing it; llama.cpp's converter gives the names.
struct NamedPreTokenizer {
  std::vector<std::string_view> patterns;  // applied in turn, each match a piece of its own
  bool ignore_merges = false;
  bool add_bos = false;  // where the file does not say
};

/// Throws ModelError for an unknown name.
NamedPreTokenizer find_pre_tokenizer(std::string_view name);

}  // namespace nanoflow::text
