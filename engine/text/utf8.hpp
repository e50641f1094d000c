#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace nanoflow::text {

/// What stands at one place of a text that may be broken UTF-8.
struct Utf8Unit {
  enum class Kind {
    whole,      // a character
    broken,     // bytes that no continuation makes a character
    truncated,  // the beginning of a character, cut off by the text's end
  };
  Kind kind = Kind::whole;
  char32_t value = 0;    // of a whole character
  std::size_t size = 1;  // bytes
};

/// The unit at `at` < bytes.size(). A broken one is as long as Unicode's "maximal subpart" (The
/// Unicode Standard, 3.9, U+FFFD substitution), so that one U+FFFD for each is what published
/// decoders write.
Utf8Unit next_unit(std::string_view bytes, std::size_t at);

void append_utf8(char32_t code_point, std::string& out);

/// Each broken or truncated unit as U+FFFD.
std::string repair_utf8(std::string_view bytes);
bool is_utf8(std::string_view bytes);

inline constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

}  // namespace nanoflow::text
