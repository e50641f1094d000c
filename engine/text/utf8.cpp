#include "engine/text/utf8.hpp"

#include <algorithm>

namespace nanoflow::text {
namespace {

/// A multi-byte character by its first byte: how long it is, and what its second byte may be (which
/// rules out overlong forms, surrogates and values beyond U+10FFFF).
struct Lead {
  std::size_t size = 0;  // 0: no lead byte
  unsigned char low = 0x80, high = 0xBF;
};

Lead lead_of(unsigned char byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  if (byte >= 0xF1 && byte <= 0xF3) return {4};
  return {};
}

}  // namespace

Utf8Unit next_unit(std::string_view bytes, std::size_t at) {
  using Kind = Utf8Unit::Kind;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
  if (byte(0) < 0x80) return {Kind::whole, byte(0), 1};
  const Lead lead = lead_of(byte(0));
  if (lead.size == 0) return {Kind::broken, 0, 1};
  char32_t value = byte(0) & (0x7FU >> lead.size);
  for (std::size_t i = 1; i < lead.size; ++i) {
    if (at + i == bytes.size()) return {Kind::truncated, 0, i};
    const unsigned char low = i == 1 ? lead.low : 0x80, high = i == 1 ? lead.high : 0xBF;
    if (byte(i) < low || byte(i) > high) return {Kind::broken, 0, i};
    value = value << 6 | (byte(i) & 0x3FU);
  }
  return {Kind::whole, value, lead.size};
}

void append_utf8(char32_t c, std::string& out) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

std::string repair_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Unit unit = next_unit(bytes, at);
    out += unit.kind == Utf8Unit::Kind::whole ? bytes.substr(at, unit.size) : replacement_character;
    at += unit.size;
  }
  return out;
}

bool is_utf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Unit unit = next_unit(bytes, at);
    if (unit.kind != Utf8Unit::Kind::whole) return false;
    at += unit.size;
  }
  return true;
}

}  // namespace nanoflow::text
