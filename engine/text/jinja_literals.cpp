// Literals inside tags: numbers, and strings with the escapes of Python.
#include "engine/text/jinja_lexer.hpp"
#include "engine/text/jinja_text.hpp"

namespace nanoflow::jinja {

namespace {

int digit(char c, int base) {
  const int value = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : base;
  return value < base ? value : -1;
}

/// Reads exactly `n` hexadecimal digits at `at`, and moves past them.
char32_t hexadecimal(std::string_view text, std::size_t& at, std::size_t n, Place place) {
  char32_t value = 0;
  for (const std::size_t end = at + n; at < end; ++at) {
    if (at >= text.size() || digit(text[at], 16) < 0)
      throw_at(place, "a truncated escape in a string");
    value = value << 4 | static_cast<char32_t>(digit(text[at], 16));
  }
  return value;
}

char32_t unicode(std::string_view text, std::size_t& at, std::size_t n, Place place) {
  char32_t value = hexadecimal(text, at, n, place);
  const bool low_follows = value >= 0xD800 && value < 0xDC00 && text.substr(at).starts_with("\\u");
  if (low_follows) {
    at += 2;
    const char32_t low = hexadecimal(text, at, 4, place);
    if (low < 0xDC00 || low > 0xDFFF) throw_at(place, "half a surrogate pair in a string");
    return 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
    throw_at(place, "an escape that is no character in a string");
  }
  return value;
}

}  // namespace

NumberLiteral scan_number(std::string_view text, bool integer_only) {
  std::string digits;
  std::size_t n = 0;
  const auto take = [&](int base) {  // digits, with single underscores between them
    const std::size_t before = n;
    while (n < text.size()) {
      const std::size_t skip = text[n] == '_' && n > before;
      if (n + skip >= text.size() || digit(text[n + skip], base) < 0) break;
      digits += text[n + skip];
      n += skip + 1;
    }
    return n > before;
  };
  const char prefix = text.size() > 1 && text[0] == '0' ? static_cast<char>(text[1] | 0x20) : '\0';
  if (prefix == 'x' || prefix == 'o' || prefix == 'b') {
    digits = {'0', prefix};
    n = 2;
    if (take(prefix == 'x' ? 16 : prefix == 'o' ? 8 : 2)) return {TokenKind::integer, digits, n};
    digits.clear();
    n = 0;
  }
  take(10);
  bool real = false;
  if (!integer_only && n + 1 < text.size() && text[n] == '.' && digit(text[n + 1], 10) >= 0) {
    digits += '.';
    ++n;
    real = take(10);
  }
  if (!integer_only && n < text.size() && (text[n] | 0x20) == 'e') {
    const std::size_t sign = n + 1 < text.size() && (text[n + 1] == '-' || text[n + 1] == '+');
    if (n + 1 + sign < text.size() && digit(text[n + 1 + sign], 10) >= 0) {
      digits += text.substr(n, 1 + sign);
      n += 1 + sign;
      real = take(10);
    }
  }
  return {real ? TokenKind::real : TokenKind::integer, digits, n};
}

std::string unescape(std::string_view inside, Place place) {
  static constexpr std::string_view letters = "\\'\"abfnrtv", values = "\\'\"\a\b\f\n\r\t\v";
  std::string out;
  for (std::size_t at = 0; at < inside.size();) {
    const char c = inside[at++];
    if (c != '\\' || at == inside.size()) {
      out += c;
      continue;
    }
    const char kind = inside[at++];
    if (const std::size_t simple = letters.find(kind); simple != letters.npos) {
      out += values[simple];
    } else if (kind == 'x') {
      encode(hexadecimal(inside, at, 2, place), out);
    } else if (kind == 'u' || kind == 'U') {
      encode(unicode(inside, at, kind == 'u' ? 4 : 8, place), out);
    } else if (digit(kind, 8) >= 0) {
      char32_t value = static_cast<char32_t>(digit(kind, 8));
      for (int more = 0; more < 2 && at < inside.size() && digit(inside[at], 8) >= 0; ++more) {
        value = value * 8 + static_cast<char32_t>(digit(inside[at++], 8));
      }
      encode(value, out);
    } else if (kind == 'N') {
      throw_at(place, "characters by name (\\N) are not supported in a string");
    } else if (kind != '\n') {  // an escaped newline is no character
      out += '\\';
      out += kind;
    }
  }
  return out;
}

}  // namespace nanoflow::jinja
