// What Oniguruma and PCRE2 read differently: \s (PCRE2 adds U+180E), \h (a hexadecimal digit or a
// blank), intersections and sets within sets.
#include "engine/text/regex_syntax.hpp"

#include "engine/model/error.hpp"
#include "engine/text/quote.hpp"

namespace nanoflow::text {
namespace {

// The characters with Unicode's property White_Space.
constexpr std::string_view space_set =
    R"(\t-\r\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

[[noreturn]] void refuse(std::string_view pattern, const char* what) {
  throw ModelError("the pattern " + quote(pattern) + " has " + what + ", which is not supported");
}

/// The escape \X that begins at `at`, inside a set or not.
std::string escape(std::string_view pattern, std::size_t at, bool in_set) {
  switch (pattern[at + 1]) {
    case 's':
      return in_set ? std::string(space_set) : "[" + std::string(space_set) + "]";
    case 'S':
      if (in_set) return R"(\S)";
      return "[^" + std::string(space_set) + "]";
    case 'h':
      return in_set ? "0-9a-fA-F" : "[0-9a-fA-F]";
    case 'K':
    case 'H':
    case 'G':
    case 'g':
      refuse(pattern, "an escape (\\K, \\H, \\G, \\g)");
    default:
      return std::string(pattern.substr(at, 2));
  }
}

}  // namespace

std::string to_pcre2(std::string_view pattern) {
  // A run of blanks at the end of a line, sought from each of its places, takes quadratic time; it
  // can only begin where no blank stands before.
  if (pattern == R"(\s+$)") return to_pcre2(R"((?<!\s)\s++$)");
  std::string out;
  std::size_t set_begin = 0;  // the first place inside the set, 0 outside
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '\\' && at + 1 < pattern.size()) {
      out += escape(pattern, at++, set_begin != 0);
    } else if (set_begin == 0 && c == '[') {
      out += c;
      if (at + 1 < pattern.size() && pattern[at + 1] == '^') out += pattern[++at];
      set_begin = at + 1;
    } else if (set_begin != 0 && c == '[') {  // [:alpha:]
      const std::size_t end = pattern.find(":]", at);
      if (pattern.substr(at, 2) != "[:" || end == std::string_view::npos)
        refuse(pattern, "a set within a set");
      out += pattern.substr(at, end + 2 - at);
      at = end + 1;
    } else if (set_begin != 0 && c == ']' && at > set_begin) {
      out += c;
      set_begin = 0;
    } else if (set_begin != 0 && pattern.substr(at, 2) == "&&") {
      refuse(pattern, "an intersection of sets (&&)");
    } else if (set_begin == 0 && pattern.substr(at, 2) == "(*") {
      refuse(pattern, "a verb (*...)");
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace nanoflow::text
