// Which tokens end an answer. Files name one (eos) or two (eot); chat models end their turn with
// others as well, which only their names tell.
#include <algorithm>

#include "engine/text/model_tokenizer.hpp"

namespace nanoflow::text {
namespace {

/// Names that no other token has.
constexpr std::string_view unmistakable[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<\xEF\xBD\x9C"
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
    "<|return|>",
    "<|call|>",
    "<|END_OF_TURN_TOKEN|>",
};
/// Names that may also be plain text (HTML's strike-through ends with "</s>").
constexpr std::string_view when_special[] = {"</s>", "<eos>", "<EOT>", "[EOT]", "[EOS]", "<turn|>"};

}  // namespace

void find_end_tokens(Vocabulary& vocabulary, const std::vector<TokenId>& named_by_file) {
  std::vector<TokenId>& ends = vocabulary.end_tokens;
  const TokenTable& texts = *vocabulary.texts;
  ends = named_by_file;
  if (vocabulary.eos) ends.push_back(*vocabulary.eos);
  for (const std::string_view name : unmistakable) {
    if (const auto id = texts.find(name)) ends.push_back(*id);
  }
  for (const std::string_view name : when_special) {
    const auto id = texts.find(name);
    if (id && vocabulary.special[*id]) ends.push_back(*id);
  }
  // Where an answer has several parts, <|end|> ends a part and <|return|> the answer (OpenAI's
  // harmony format).
  if (texts.find("<|return|>")) {
    if (const auto part = texts.find("<|end|>")) std::erase(ends, *part);
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  // Some files give them the type of plain text, by mistake.
  for (const TokenId id : ends) vocabulary.special[id] = true;
  for (AddedToken& token : vocabulary.added) token.special = vocabulary.special[token.id];
  for (const TokenId id : ends) {
    const auto same = [id](const AddedToken& token) { return token.id == id; };
    if (std::none_of(vocabulary.added.begin(), vocabulary.added.end(), same))
      vocabulary.added.push_back(
          {.id = id, .content = std::string(texts.text(id)), .special = true});
  }
}

}  // namespace nanoflow::text
