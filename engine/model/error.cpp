#include "engine/model/error.hpp"

namespace nanoflow {

std::string printable(std::string_view text, std::size_t longest) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
  }
  if (text.size() > longest) out += "...";
  return out;
}

}  // namespace nanoflow
