// Model "gpt2": byte-level BPE with the file's merges, cut by the pre-tokenizer that it names.
#include "engine/model/error.hpp"
#include "engine/text/bpe_tokenizer.hpp"
#include "engine/text/byte_level.hpp"
#include "engine/text/load_gguf.hpp"
#include "engine/text/pre_tokenizer_names.hpp"

namespace nanoflow::text {
namespace {

TokenTexts byte_level_texts(const GgufVocabulary& from) {
  TokenTexts bytes;
  bytes.reserve(from.texts.size(), from.texts.size() * 8);
  for (std::size_t i = 0; i < from.texts.size(); ++i) {
    const bool written_in_bytes =
        from.types[i] == GgufTokenType::normal || from.types[i] == GgufTokenType::byte;
    if (from.types[i] == GgufTokenType::unused) {
      bytes.add("");
    } else if (const auto plain =
                   written_in_bytes ? from_byte_level(from.texts[i]) : std::nullopt) {
      bytes.add(*plain);
    } else {
      bytes.add(from.texts[i]);
    }
  }
  return bytes;
}

}  // namespace

std::shared_ptr<const Tokenizer> load_gguf_bpe(const GgufFile& file) {
  const auto name = file.text("tokenizer.ggml.pre");
  if (!name)
    throw ModelError("tokenizer.ggml.pre: expected the pre-tokenizer's name, found no key");
  const NamedPreTokenizer pre = find_pre_tokenizer(*name);
  const auto merges = file.texts("tokenizer.ggml.merges");
  if (!merges) throw ModelError("tokenizer.ggml.merges: expected an array of texts, found no key");

  const GgufVocabulary from(file);
  Vocabulary vocabulary = from.make(file, pre.add_bos);
  vocabulary.bytes = byte_level_texts(from);
  PreTokenizers steps;
  for (const std::string_view pattern : pre.patterns)
    steps.push_back(make_split(pattern, SplitBehavior::isolated, false));
  steps.push_back(make_byte_level({.use_regex = false}));
  BpeModel model(vocabulary.texts, parse_merges(*merges, *vocabulary.texts),
                 {.ignore_merges = pre.ignore_merges});
  return std::make_shared<BpeTokenizer>(std::move(vocabulary), Normalizers{},
                                        std::vector<AddedToken>{}, std::move(steps),
                                        std::move(model));
}

}  // namespace nanoflow::text
