#include "engine/text/json_pattern.hpp"

namespace nanoflow::text {

std::string read_pattern(const JsonObject& step) {
  const JsonObject pattern = step.object("pattern");
  if (pattern.find("Regex") != nullptr) return pattern.text("Regex");
  std::string escaped;
  for (const char c : pattern.text("String")) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       static_cast<unsigned char>(c) >= 0x80 ||
                       static_cast<unsigned char>(c) < 0x20;
    if (!plain) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace nanoflow::text
