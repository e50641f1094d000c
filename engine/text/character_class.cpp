#include "engine/text/character_class.hpp"

#include "engine/text/regex.hpp"
#include "engine/text/utf8.hpp"

namespace nanoflow::text {

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_word(char32_t c) {
  static const Regex word(R"([\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}\x{200C}\x{200D}])");
  std::string text;
  append_utf8(c, text);
  std::vector<Range> found;
  const TimeBudget budget(text.size());
  RegexSearch(word, budget).find_all(text, found);
  return !found.empty();
}

}  // namespace nanoflow::text
