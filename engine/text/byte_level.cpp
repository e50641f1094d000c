#include "engine/text/byte_level.hpp"

#include <array>

#include "engine/text/utf8.hpp"

namespace nanoflow::text {
namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

constexpr int n_shifted = 68;  // bytes that do not stand for themselves

struct Alphabet {
  std::array<char32_t, 256> of_byte{};
  std::array<short, 0x100 + n_shifted> byte_of{};  // -1: not in the alphabet
};

constexpr Alphabet make_alphabet() {
  Alphabet made;
  for (short& byte : made.byte_of) byte = -1;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t c = stands_for_itself(byte) ? static_cast<char32_t>(byte) : next++;
    made.of_byte[byte] = c;
    made.byte_of[c] = static_cast<short>(byte);
  }
  return made;
}

constexpr Alphabet alphabet = make_alphabet();

}  // namespace

void append_byte_level(std::string_view bytes, std::string& out) {
  for (const char byte : bytes)
    append_utf8(alphabet.of_byte[static_cast<unsigned char>(byte)], out);
}

std::optional<std::string> from_byte_level(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Unit unit = next_unit(text, at);
    const bool known = unit.kind == Utf8Unit::Kind::whole && unit.value < alphabet.byte_of.size() &&
                       alphabet.byte_of[unit.value] >= 0;
    if (!known) return std::nullopt;
    bytes += static_cast<char>(alphabet.byte_of[unit.value]);
    at += unit.size;
  }
  return bytes;
}

}  // namespace nanoflow::text
