#include "engine/text/json_pattern.hpp"
#include "engine/text/json_steps.hpp"

namespace nanoflow::text {
namespace {

SplitBehavior read_behavior(const JsonObject& step, std::string_view otherwise) {
  const std::string name = step.text("behavior", otherwise);
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  step.fail("behavior", "Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous",
            name);
}

MetaspaceOptions read_metaspace(const JsonObject& step) {
  MetaspaceOptions options;
  options.replacement = step.text("replacement", options.replacement);
  if (options.replacement.empty()) step.fail("replacement", "a character", options.replacement);
  // Older files say add_prefix_space, newer ones prepend_scheme.
  const bool prefix = step.flag("add_prefix_space", true);
  const std::string scheme = step.text("prepend_scheme", prefix ? "always" : "never");
  if (scheme == "always") {
    options.prepend = PrependScheme::always;
  } else if (scheme == "first") {
    options.prepend = PrependScheme::first;
  } else if (scheme == "never") {
    options.prepend = PrependScheme::never;
  } else {
    step.fail("prepend_scheme", "always, first or never", scheme);
  }
  options.split = step.flag("split", true);
  return options;
}

std::unique_ptr<const PreTokenizer> read_step(const JsonObject& step) {
  const std::string type = step.text("type");
  if (type == "ByteLevel") {
    return make_byte_level({.add_prefix_space = step.flag("add_prefix_space", true),
                            .use_regex = step.flag("use_regex", true)});
  }
  if (type == "Split")
    return make_split(read_pattern(step), read_behavior(step, ""), step.flag("invert", false));
  if (type == "Digits") {
    const bool each = step.flag("individual_digits", false);
    return make_split(R"(\p{N})", each ? SplitBehavior::isolated : SplitBehavior::contiguous,
                      false);
  }
  if (type == "Punctuation")
    return make_split(R"([\p{P}!-/:-@\[-`{-~])", read_behavior(step, "Isolated"), false);
  if (type == "Metaspace") return make_metaspace(read_metaspace(step));
  step.fail("type", "ByteLevel, Split, Digits, Punctuation, Metaspace or Sequence", type);
}

}  // namespace

PreTokenizers read_pre_tokenizers(const JsonObject& root) {
  PreTokenizers steps;
  for_each_step(root, "pre_tokenizer", "pretokenizers",
                [&](const JsonObject& step) { steps.push_back(read_step(step)); });
  return steps;
}

}  // namespace nanoflow::text
