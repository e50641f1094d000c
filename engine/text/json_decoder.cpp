// Decoders and post-processors of a tokenizer.json.
#include "engine/text/byte_level.hpp"
#include "engine/text/byte_token.hpp"
#include "engine/text/json_steps.hpp"
#include "engine/text/quote.hpp"

namespace nanoflow::text {

TokenDecoder::TokenDecoder(const JsonObject& root) {
  for_each_step(root, "decoder", "decoders", [this](const JsonObject& step) { add(step); });
}

void TokenDecoder::add(const JsonObject& step) {
  const std::string type = step.text("type");
  if (type == "ByteLevel") {
    byte_level_ = true;
  } else if (type == "ByteFallback") {
    byte_fallback_ = true;
  } else if (type == "Replace") {
    const JsonObject pattern = step.object("pattern");
    const std::string from = pattern.text("String");
    if (from.empty()) pattern.fail("String", "a text", from);
    replacements_.emplace_back(from, step.text("content"));
  } else if (type == "Metaspace") {
    const bool prefix = step.flag("add_prefix_space", true);
    replacements_.emplace_back(step.text("replacement", "\xE2\x96\x81"), " ");
    drops_leading_space_ = step.text("prepend_scheme", prefix ? "always" : "never") != "never";
  } else if (type == "Strip") {
    const auto& start = step.at("start");
    const bool leading = step.text("content") == " " && start == 1 && step.at("stop") == 0;
    if (!leading) step.fail("start", "1 blank at the start and none at the stop", start);
    drops_leading_space_ = true;
  } else if (type != "Fuse") {
    step.fail("type", "ByteLevel, ByteFallback, Replace, Metaspace, Strip, Fuse or Sequence", type);
  }
}

std::string TokenDecoder::decode(std::string_view token, bool plain) const {
  std::string text(token);
  if (byte_fallback_) {
    if (const auto byte = parse_byte_token(text)) return std::string(1, static_cast<char>(*byte));
  }
  for (const auto& [from, to] : replacements_) {
    std::string out;
    std::size_t end = 0;
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, end)) {
      out.append(text, end, at - end).append(to);
      end = at + from.size();
    }
    text = out.append(text, end);
  }
  if (!byte_level_ || plain) return text;
  return from_byte_level(text).value_or(text);
}

namespace {

void read_template(const JsonObject& step, Vocabulary& vocabulary) {
  bool after_text = false;
  int number = 0;
  for (const nlohmann::json& item : step.array("single")) {
    const JsonObject part(item, step.where() + ".single[" + std::to_string(number++) + "]");
    if (part.find("Sequence") != nullptr) {
      if (after_text) throw ModelError(part.where() + ": expected the text once, found it twice");
      after_text = true;
      continue;
    }
    const std::string name = part.object("SpecialToken").text("id");
    const JsonObject token = step.object("special_tokens").object(name.c_str());
    for (const nlohmann::json& id : token.array("ids")) {
      const bool known =
          id.is_number_unsigned() &&
          id.get<std::uint64_t>() < static_cast<std::uint64_t>(vocabulary.texts->size());
      if (!known) token.fail("ids", "ids of the vocabulary", id);
      (after_text ? vocabulary.suffix : vocabulary.prefix).push_back(id.get<TokenId>());
    }
  }
}

}  // namespace

void read_post_processor(const JsonObject& root, Vocabulary& vocabulary) {
  for_each_step(root, "post_processor", "processors", [&](const JsonObject& step) {
    const std::string type = step.text("type");
    if (type == "TemplateProcessing") return read_template(step, vocabulary);
    if (type != "ByteLevel") step.fail("type", "TemplateProcessing, ByteLevel or Sequence", type);
  });
}

}  // namespace nanoflow::text
