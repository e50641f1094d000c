#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace nanoflow::text {

/// GPT-2's alphabet for bytes: 256 printable characters, so that vocabularies are text. Printable
/// Latin-1 stands for itself, the other bytes for U+0100 and on in their order ("Ġ" is the space).
/// Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
void append_byte_level(std::string_view bytes, std::string& out);
/// Empty when the text has a character outside the alphabet.
std::optional<std::string> from_byte_level(std::string_view text);

}  // namespace nanoflow::text
