#include "engine/text/byte_token.hpp"

namespace nanoflow::text {
namespace {

constexpr std::string_view digits = "0123456789ABCDEF";

}  // namespace

std::string byte_token(unsigned char byte) {
  return {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
}

std::optional<unsigned char> parse_byte_token(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  const std::size_t high = digits.find(text[3]), low = digits.find(text[4]);
  if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
  return static_cast<unsigned char>(high * 16 + low);
}

}  // namespace nanoflow::text
