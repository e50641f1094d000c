// Upper, lower and title case. Full mappings to several characters are only made for ß, which is
// the one that common text holds.
#include <algorithm>
#include <iterator>

#include "engine/text/jinja_case_table.hpp"
#include "engine/text/jinja_text.hpp"

namespace nanoflow::jinja {

template <std::size_t n>
static char32_t map_case(const CaseRun (&runs)[n], char32_t c) {
  // Runs of step 2 interleave, so the one that holds c may begin a few places before the last
  // candidate.
  const CaseRun* run = std::partition_point(std::begin(runs), std::end(runs),
                                            [c](const CaseRun& r) { return r.first <= c; });
  for (int back = 0; back < 4 && run != std::begin(runs); ++back) {
    --run;
    if (c <= run->last && (c - run->first) % run->step == 0) return c + run->delta;
  }
  return c;
}

char32_t to_upper(char32_t c) {
  if (c < 0x80) return c >= 'a' && c <= 'z' ? c - 32 : c;
  return map_case(upper_runs, c);
}

char32_t to_lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  return map_case(lower_runs, c);
}

bool is_cased(char32_t c) {
  return c == 0xDF || to_upper(c) != c || to_lower(c) != c;
}

namespace {

enum class To { upper, lower, title };

void append_as(TextBuilder& out, char32_t c, To to, bool literal) {
  const bool georgian = c >= 0x10D0 && c <= 0x10FF;  // has upper case, but no title case
  if (to == To::lower) {
    out.append(to_lower(c), literal);
  } else if (c == 0xDF) {
    out.append(to == To::upper ? "SS" : "Ss", literal);
  } else {
    out.append(georgian && to == To::title ? c : to_upper(c), literal);
  }
}

/// Maps every character; `choose` is asked in order which case it gets.
template <class Choose>
Text map_characters(const Text& text, Choose choose) {
  TextBuilder out;
  LiteralCursor literal(text);
  for (std::size_t at = 0; at < text.text.size();) {
    const CodePoint c = decode(text.text, at);
    append_as(out, c.value, choose(c.value), literal.at(at));
    at += c.size;
  }
  return out.take();
}

}  // namespace

Text upper(const Text& text) {
  return map_characters(text, [](char32_t) { return To::upper; });
}

Text lower(const Text& text) {
  return map_characters(text, [](char32_t) { return To::lower; });
}

Text capitalize(const Text& text) {
  bool first = true;
  return map_characters(
      text, [&](char32_t) { return std::exchange(first, false) ? To::title : To::lower; });
}

Text swap_case(const Text& text) {
  return map_characters(text, [](char32_t c) { return to_upper(c) != c ? To::upper : To::lower; });
}

Text title(const Text& text) {
  bool inside = false;
  return map_characters(
      text, [&](char32_t c) { return std::exchange(inside, is_cased(c)) ? To::lower : To::title; });
}

Text title_of_words(const Text& text) {
  bool starts = true;
  return map_characters(text, [&](char32_t c) {
    const bool opens = is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
    return std::exchange(starts, opens) ? To::title : To::lower;
  });
}

}  // namespace nanoflow::jinja
