#include "engine/text/quote.hpp"

#include "engine/text/utf8.hpp"

namespace nanoflow::text {

std::string quote(std::string_view text) {
  constexpr std::size_t shown = 80;  // bytes
  std::string out = "'";
  for (const char c : repair_utf8(text.substr(0, shown))) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    out += control ? '?' : c;
  }
  return out + (text.size() > shown ? "...'" : "'");
}

}  // namespace nanoflow::text
