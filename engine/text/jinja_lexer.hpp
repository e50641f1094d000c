#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/chat_template.hpp"

namespace nanoflow::jinja {

/// A place in the template's source, from 1.
struct Place {
  int line = 1, column = 1;
};

[[noreturn]] void throw_at(Place place, const std::string& what);

enum class TokenKind {
  data,            // text between tags, whitespace control already applied
  variable_begin,  // {{
  variable_end,
  block_begin,  // {%
  block_end,
  name,
  string,  // the value, escapes resolved
  integer,
  real,
  op,
  end
};

struct Token {
  TokenKind kind;
  std::string text;
  Place place;
};

/// Cuts a template into tokens as Jinja does with trim_blocks and lstrip_blocks on. Throws
/// TemplateError.
std::vector<Token> tokenize(std::string_view source);

/// A number at the begin of `text`: its digits without underscores, with 0x, 0o or 0b in lower
/// case.
struct NumberLiteral {
  TokenKind kind;
  std::string digits;
  std::size_t size;  // bytes of source
};
NumberLiteral scan_number(std::string_view text, bool integer_only);

/// The value of a string literal's inside, with Python's escapes.
std::string unescape(std::string_view inside, Place place);

}  // namespace nanoflow::jinja
