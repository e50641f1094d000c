// Cutting texts as Python's str.split, rsplit and splitlines do.
#include <algorithm>

#include "engine/text/jinja_text.hpp"

namespace nanoflow::jinja {

static void add_piece(std::vector<Text>& pieces, const Text& text, std::size_t begin,
                      std::size_t end) {
  if (pieces.size() == limits::list_items) throw Failure("a text was split into too many pieces");
  pieces.push_back(substring(text, begin, end));
}

std::vector<Text> split(const Text& text, std::string_view separator, std::size_t limit) {
  if (separator.empty()) throw Failure("empty separator");
  std::vector<Text> pieces;
  std::size_t at = 0;
  for (; limit > 0; --limit) {
    const std::size_t found = text.text.find(separator, at);
    if (found == std::string::npos) break;
    add_piece(pieces, text, at, found);
    at = found + separator.size();
  }
  add_piece(pieces, text, at, text.text.size());
  return pieces;
}

std::vector<Text> split_right(const Text& text, std::string_view separator, std::size_t limit) {
  if (separator.empty()) throw Failure("empty separator");
  std::vector<Text> pieces;
  std::size_t end = text.text.size();
  for (; limit > 0 && end >= separator.size(); --limit) {
    const std::size_t found = text.text.rfind(separator, end - separator.size());
    if (found == std::string::npos) break;
    add_piece(pieces, text, found + separator.size(), end);
    end = found;
  }
  add_piece(pieces, text, 0, end);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

std::vector<Text> split_space(const Text& text, std::size_t limit) {
  std::vector<Text> pieces;
  const std::string_view bytes = text.text;
  std::size_t at = 0;
  const auto skip = [&](bool space) {
    while (at < bytes.size() && is_space(decode(bytes, at).value) == space) {
      at += decode(bytes, at).size;
    }
  };
  for (skip(true); at < bytes.size(); skip(true), --limit) {
    const std::size_t begin = at;
    if (limit == 0) {
      add_piece(pieces, text, begin, bytes.size());
      break;
    }
    skip(false);
    add_piece(pieces, text, begin, at);
  }
  return pieces;
}

std::vector<Text> split_space_right(const Text& text, std::size_t limit) {
  std::vector<Text> pieces;
  const std::string_view bytes = text.text;
  std::size_t end = bytes.size();
  const auto skip = [&](bool space) {
    while (end > 0 && is_space(decode(bytes, previous(bytes, end)).value) == space) {
      end = previous(bytes, end);
    }
  };
  for (skip(true); end > 0; skip(true), --limit) {
    const std::size_t last = end;
    if (limit == 0) {
      add_piece(pieces, text, 0, last);
      break;
    }
    skip(false);
    add_piece(pieces, text, end, last);
  }
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

std::vector<Text> split_lines(const Text& text, bool keep_ends) {
  const auto ends_line = [](char32_t c) {
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
  };
  std::vector<Text> lines;
  const std::string_view bytes = text.text;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const CodePoint c = decode(bytes, at);
    std::size_t next = at + c.size;
    if (ends_line(c.value)) {
      if (c.value == '\r' && next < bytes.size() && bytes[next] == '\n') ++next;
      add_piece(lines, text, begin, keep_ends ? next : at);
      begin = next;
    }
    at = next;
  }
  if (begin < bytes.size()) add_piece(lines, text, begin, bytes.size());
  return lines;
}

}  // namespace nanoflow::jinja
