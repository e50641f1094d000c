#include "engine/text/jinja_lexer.hpp"

#include <algorithm>
#include <array>

#include "engine/text/jinja_text.hpp"

namespace nanoflow::jinja {

void throw_at(Place place, const std::string& what) {
  throw TemplateError("chat template, line " + std::to_string(place.line) + ", column " +
                      std::to_string(place.column) + ": " + what);
}

namespace {

constexpr std::string_view white = " \t\n\r\f\v";

/// One kind of newline, and without the last one, as Jinja reads its source.
std::string normalized(std::string_view source) {
  std::string out;
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalized(source)) {}
  std::vector<Token> run();

 private:
  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool looking_at(std::string_view text) const { return rest().starts_with(text); }
  void advance(std::size_t n);
  void skip_white();
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), place_}); }
  void add_data(std::string_view text, char sign, bool strips_line);
  void lex_tag(std::size_t open, char bracket);
  void skip_comment(Place begin);
  bool lex_raw();
  void after_block_end(char sign);
  bool lex_end_of_tag(bool block);
  void lex_inside(bool block, Place begin);
  void lex_number();
  void lex_string();
  void lex_operator();

  std::string source_;
  std::size_t at_ = 0;
  Place place_;
  bool line_starting_ = true;  // nothing of the current line was matched by an earlier tag
  std::string open_brackets_;
  std::vector<Token> tokens_;
};

void Lexer::advance(std::size_t n) {
  for (; n > 0; --n, ++at_) {
    if (source_[at_] == '\n') {
      ++place_.line;
      place_.column = 1;
    } else if ((source_[at_] & 0xC0) != 0x80) {  // columns count characters
      ++place_.column;
    }
  }
}

void Lexer::skip_white() {
  const std::size_t next = source_.find_first_not_of(white, at_);
  advance(std::min(next, source_.size()) - at_);
}

std::vector<Token> Lexer::run() {
  while (at_ < source_.size()) {
    std::size_t open = source_.find('{', at_);
    while (open != std::string::npos && open + 1 < source_.size() &&
           std::string_view("{%#").find(source_[open + 1]) == std::string_view::npos) {
      open = source_.find('{', open + 1);
    }
    if (open == std::string::npos || open + 1 >= source_.size()) {
      add(TokenKind::data, source_.substr(at_));
      advance(source_.size() - at_);
      break;
    }
    lex_tag(open, source_[open + 1]);
  }
  add(TokenKind::end, "end of template");
  return std::move(tokens_);
}

/// Adds the text before a tag; the tag's sign, or lstrip_blocks, takes whitespace off its end.
void Lexer::add_data(std::string_view text, char sign, bool strips_line) {
  const std::string_view whole = text;
  if (sign == '-') {
    const std::size_t last = text.find_last_not_of(white);
    text = text.substr(0, last == text.npos ? 0 : last + 1);
  } else if (sign != '+' && strips_line) {
    const std::size_t newline = text.rfind('\n');
    const std::size_t line = newline == text.npos ? 0 : newline + 1;
    const bool blank = text.find_first_not_of(white, line) == text.npos;
    if (blank && (line > 0 || line_starting_)) text = text.substr(0, line);
  }
  if (!text.empty()) add(TokenKind::data, std::string(text));
  advance(whole.size());
}

void Lexer::lex_tag(std::size_t open, char bracket) {
  const char after = open + 2 < source_.size() ? source_[open + 2] : '\0';
  const char sign = after == '-' || after == '+' ? after : '\0';
  add_data(std::string_view(source_).substr(at_, open - at_), sign, bracket != '{');
  const Place begin = place_;
  if (bracket == '%' && lex_raw()) return;
  line_starting_ = false;
  if (bracket != '#') add(bracket == '%' ? TokenKind::block_begin : TokenKind::variable_begin, "");
  advance(sign != '\0' ? 3 : 2);
  if (bracket == '#') {
    skip_comment(begin);
  } else {
    lex_inside(bracket == '%', begin);
  }
}

/// After %} or #}: '-' takes all whitespace, '+' none, and without a sign trim_blocks takes one
/// newline.
void Lexer::after_block_end(char sign) {
  const std::size_t before = at_;
  if (sign == '-') {
    skip_white();
  } else if (sign != '+' && looking_at("\n")) {
    advance(1);
  }
  line_starting_ = at_ > before && source_[at_ - 1] == '\n';
}

void Lexer::skip_comment(Place begin) {
  const std::size_t close = source_.find("#}", at_);
  if (close == std::string::npos) throw_at(begin, "the comment is not closed by #}");
  const char sign = close > at_ ? source_[close - 1] : '\0';
  advance(close + 2 - at_);
  after_block_end(sign);
}

/// {% raw %}...{% endraw %}, whose inside is data. False when the tag at the position is another
/// one.
bool Lexer::lex_raw() {
  const auto match = [this](std::size_t at, std::string_view word, char& opens, char& closes) {
    const auto sign = [&] {
      const char c = at < source_.size() ? source_[at] : '\0';
      return c == '-' || c == '+' ? (++at, c) : '\0';
    };
    at += 2;
    opens = sign();
    at = std::min(source_.find_first_not_of(white, at), source_.size());
    if (source_.compare(at, word.size(), word) != 0) return std::string::npos;
    at = std::min(source_.find_first_not_of(white, at + word.size()), source_.size());
    closes = sign();
    return source_.compare(at, 2, "%}") == 0 ? at + 2 : std::string::npos;
  };
  char opens, closes;
  const std::size_t inside = match(at_, "raw", opens, closes);
  if (inside == std::string::npos || closes == '+') return false;
  const Place begin = place_;
  advance(inside - at_);
  if (closes == '-') skip_white();  // the begin tag of raw does not trim its newline otherwise
  line_starting_ = source_[at_ - 1] == '\n';
  for (std::size_t at = at_;; at += 2) {
    at = source_.find("{%", at);
    if (at == std::string::npos) throw_at(begin, "the raw block is not closed by endraw");
    const std::size_t end = match(at, "endraw", opens, closes);
    if (end == std::string::npos) continue;
    add_data(std::string_view(source_).substr(at_, at - at_), opens, true);
    advance(end - at_);
    after_block_end(closes);
    return true;
  }
}

bool Lexer::lex_end_of_tag(bool block) {
  const std::string_view close = block ? "%}" : "}}";
  const char sign = looking_at("-") || (block && looking_at("+")) ? source_[at_] : '\0';
  if (!rest().substr(sign != '\0').starts_with(close)) return false;
  add(block ? TokenKind::block_end : TokenKind::variable_end, "");
  advance(close.size() + (sign != '\0'));
  if (block) {
    after_block_end(sign);
  } else if (sign == '-') {
    const std::size_t before = at_;
    skip_white();
    line_starting_ = at_ > before && source_[at_ - 1] == '\n';
  }
  return true;
}

void Lexer::lex_inside(bool block, Place begin) {
  open_brackets_.clear();
  while (at_ < source_.size()) {
    if (open_brackets_.empty() && lex_end_of_tag(block)) return;
    const char c = source_[at_];
    if (white.find(c) != white.npos) {
      skip_white();
    } else if (is_digit(c)) {
      lex_number();
    } else if (starts_name(c)) {
      std::size_t n = 1;
      while (n < rest().size() && (starts_name(rest()[n]) || is_digit(rest()[n]))) ++n;
      add(TokenKind::name, std::string(rest().substr(0, n)));
      advance(n);
    } else if (c == '"' || c == '\'') {
      lex_string();
    } else {
      lex_operator();
    }
  }
  throw_at(begin, block ? "the block is not closed by %}" : "the expression is not closed by }}");
}

void Lexer::lex_number() {
  const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';  // x.0.5 is two item accesses
  NumberLiteral number = scan_number(rest(), after_dot);
  add(number.kind, std::move(number.digits));
  advance(number.size);
}

void Lexer::lex_string() {
  const char quote = source_[at_];
  std::size_t n = 1;
  while (n < rest().size() && rest()[n] != quote) n += rest()[n] == '\\' ? 2 : 1;
  if (n >= rest().size()) throw_at(place_, "the string is not closed");
  add(TokenKind::string, unescape(rest().substr(1, n - 1), place_));
  advance(n + 1);
}

void Lexer::lex_operator() {
  static constexpr std::array<std::string_view, 6> doubles = {"//", "**", "==", "!=", ">=", "<="};
  std::size_t n = 1;
  for (const std::string_view op : doubles) {
    if (looking_at(op)) n = 2;
  }
  const std::string op(rest().substr(0, n));
  const char c = op[0];
  if (n == 1 && std::string_view("+-/*%~[](){}><=.:|,;").find(c) == std::string_view::npos) {
    throw_at(place_, "unexpected character '" + op + "'");
  }
  if (c == '(' || c == '[' || c == '{') {
    open_brackets_ += c == '(' ? ')' : static_cast<char>(c + 2);
  } else if (c == ')' || c == ']' || c == '}') {
    if (open_brackets_.empty()) throw_at(place_, "unexpected '" + op + "'");
    if (open_brackets_.back() != c) {
      throw_at(place_, "unexpected '" + op + "', expected '" + open_brackets_.back() + "'");
    }
    open_brackets_.pop_back();
  }
  add(TokenKind::op, op);
  advance(n);
}

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  return Lexer(source).run();
}

}  // namespace nanoflow::jinja
