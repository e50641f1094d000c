#pragma once
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/text/jinja_limits.hpp"
#include "engine/text/marked_text.hpp"

namespace nanoflow::jinja {

/// What went wrong, before the place in the template is known; the interpreter adds it.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A string of the template language: UTF-8, and the ranges that came from a user.
using Text = MarkedText;

/// One character. An invalid byte is a character of its own, 0xDC00 + byte, as Python's
/// surrogateescape.
struct CodePoint {
  char32_t value = 0;
  std::size_t size = 1;  // bytes
};
CodePoint decode(std::string_view bytes, std::size_t at);
/// The start of the character that ends before `at`.
std::size_t previous(std::string_view bytes, std::size_t at);
std::size_t count_code_points(std::string_view bytes);
void encode(char32_t code_point, std::string& out);

bool is_space(char32_t c);  // as Python's str.isspace
char32_t to_lower(char32_t c);
char32_t to_upper(char32_t c);
bool is_cased(char32_t c);

/// Builds a Text, keeping the marks of what is appended; throws Failure beyond limits::text_bytes.
class TextBuilder {
 public:
  void append(std::string_view bytes, bool literal = false);
  void append(const Text& text) { append(text, 0, text.text.size()); }
  void append(const Text& text, std::size_t begin, std::size_t end);
  void append(char32_t code_point, bool literal);
  std::size_t size() const { return built_.text.size(); }
  Text take() { return std::exchange(built_, {}); }

 private:
  void mark(std::size_t begin, std::size_t end);
  Text built_;
};

/// Tells for ascending positions whether a byte is literal.
class LiteralCursor {
 public:
  explicit LiteralCursor(const Text& text) : ranges_(text.literal) {}
  bool at(std::size_t position) {
    while (next_ < ranges_.size() && ranges_[next_].end <= position) ++next_;
    return next_ < ranges_.size() && ranges_[next_].begin <= position;
  }

 private:
  const std::vector<Text::Range>& ranges_;
  std::size_t next_ = 0;
};

Text substring(const Text& text, std::size_t begin, std::size_t end);

enum class Side { left, right, both };
/// Removes whitespace, or any of the characters of `chars`.
Text strip(const Text& text, Side side, const std::string_view* chars = nullptr);
/// `limit` replacements at most; an empty `from` matches between all characters, as in Python.
Text replace(const Text& text, std::string_view from, const Text& to, std::size_t limit);

Text upper(const Text& text);
Text lower(const Text& text);
Text capitalize(const Text& text);
Text swap_case(const Text& text);
Text title(const Text& text);           // the method: each run of letters
Text title_of_words(const Text& text);  // the filter: after spaces, dashes and opening brackets
/// &, <, >, ' and " as HTML entities, as markupsafe writes them.
Text escape_html(const Text& text);

/// Pieces between separators, at most `limit` cuts, from the left or from the right.
std::vector<Text> split(const Text& text, std::string_view separator, std::size_t limit);
std::vector<Text> split_right(const Text& text, std::string_view separator, std::size_t limit);
std::vector<Text> split_space(const Text& text, std::size_t limit);
std::vector<Text> split_space_right(const Text& text, std::size_t limit);
std::vector<Text> split_lines(const Text& text, bool keep_ends);

}  // namespace nanoflow::jinja
