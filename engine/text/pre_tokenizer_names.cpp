#include "engine/text/pre_tokenizer_names.hpp"

#include <algorithm>
#include <string>

#include "engine/model/error.hpp"
#include "engine/text/pre_tokenizer.hpp"
#include "engine/text/quote.hpp"

namespace nanoflow::text {
namespace {

using Names = std::vector<std::string_view>;
using Patterns = std::vector<std::string_view>;

// Parts that several models' patterns share. Their syntax is tokenizer.json's.
#define CONTRACTIONS R"((?i:'s|'t|'re|'ve|'m|'ll|'d))"
#define LETTERS R"([^\r\n\p{L}\p{N}]?\p{L}+)"
#define PUNCTUATION R"( ?[^\s\p{L}\p{N}]+[\r\n]*)"
#define BLANKS R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
// Words split where a lower-case letter is followed by an upper-case one.
#define UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
#define BEFORE R"([^\r\n\p{L}\p{N}]?)"
#define PUNCTUATION_OR_PATH R"( ?[^\s\p{L}\p{N}]+[\r\n/]*)"

constexpr std::string_view number = R"(\p{N})";
constexpr std::string_view numbers = R"(\p{N}+)";
constexpr std::string_view three_digits = R"(\p{N}{1,3})";
constexpr std::string_view llama3 =
    CONTRACTIONS "|" LETTERS R"(|\p{N}{1,3}|)" PUNCTUATION "|" BLANKS;
constexpr std::string_view qwen2 = CONTRACTIONS "|" LETTERS R"(|\p{N}|)" PUNCTUATION "|" BLANKS;
constexpr std::string_view qwen35 =
    CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" BLANKS;
constexpr std::string_view tekken =
    BEFORE UPPER "*" LOWER "+|" BEFORE UPPER "+" LOWER R"(*|\p{N}|)" PUNCTUATION_OR_PATH "|" BLANKS;
constexpr std::string_view gpt4o =
    BEFORE UPPER "*" LOWER "+" CONTRACTIONS "?|" BEFORE UPPER "+" LOWER "*" CONTRACTIONS
                 R"(?|\p{N}{1,3}|)" PUNCTUATION_OR_PATH "|" BLANKS;
constexpr std::string_view bailing =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view seed_coder =
    CONTRACTIONS "|" LETTERS R"(|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|)" BLANKS;
constexpr std::string_view bloom = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
constexpr std::string_view han_and_kana = "[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view deepseek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)" BLANKS;
constexpr std::string_view deepseek_han = "[一-龥ࠀ-一가-퟿]+";
constexpr std::string_view deepseek_letters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4}\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4}\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}ℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr std::string_view deepseek_punctuation = R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)";

#undef CONTRACTIONS
#undef LETTERS
#undef PUNCTUATION
#undef BLANKS
#undef UPPER
#undef LOWER
#undef BEFORE
#undef PUNCTUATION_OR_PATH

struct Entry {
  Names names;
  NamedPreTokenizer what;
};

const std::vector<Entry>& entries() {
  // "default" is not here: it says that the converter did not know the model.
  static const std::vector<Entry> all = {
      {{"gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "gigachat", "a.x-4.0",
        "mellum", "modern-bert", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4"},
       {{gpt2_pattern}}},
      {{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b",
        "mellum2"},
       {{number, gpt2_pattern}}},
      {{"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
        "jina-v5-nano"},
       {{llama3}, true, true}},
      {{"dbrx", "smaug-bpe", "chatglm-bpe", "glm4"}, {{llama3}}},
      {{"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan",
        "solar-open", "grok-2"},
       {{qwen2}}},
      {{"qwen35"}, {{qwen35}}},
      {{"deepseek-llm"},
       {{"[\r\n]", deepseek_letters, deepseek_punctuation, R"(\s+$)", deepseek_han, numbers}}},
      {{"deepseek-coder"}, {{"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", deepseek_han, number}}},
      {{"deepseek-v3", "hunyuan-dense", "joyai-llm"}, {{three_digits, han_and_kana, deepseek3}}},
      {{"falcon"}, {{R"([\p{P}\$\+<=>\^~\|`]+)", gpt2_pattern, "[0-9][0-9][0-9]"}}},
      {{"tekken"}, {{tekken}, true, true}},
      {{"gpt-4o", "llama4", "kanana2", "minimax-m2"}, {{gpt4o}}},
      {{"bloom", "poro-chat", "gpt3-finnish"}, {{bloom}}},
      {{"viking"}, {{bloom, number}}},
      {{"bailingmoe", "bailingmoe2", "llada-moe"}, {{bailing}}},
      {{"seed-coder"}, {{seed_coder}}},
      {{"superbpe"}, {{numbers, R"((?=(\d{3})+(?!\d)))"}}},
  };
  return all;
}

}  // namespace

NamedPreTokenizer find_pre_tokenizer(std::string_view name) {
  for (const Entry& entry : entries()) {
    if (std::find(entry.names.begin(), entry.names.end(), name) != entry.names.end())
      return entry.what;
  }
  std::string known;
  for (const Entry& entry : entries()) {
    for (const std::string_view one : entry.names)
      known.append(known.empty() ? "" : ", ").append(one);
  }
  throw ModelError("tokenizer.ggml.pre: unknown pre-tokenizer " + quote(name) + ", known are " +
                   known);
}

}  // namespace nanoflow::text
