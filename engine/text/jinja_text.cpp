#include "engine/text/jinja_text.hpp"

#include <algorithm>

namespace nanoflow::jinja {

CodePoint decode(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1};
  const CodePoint invalid{char32_t{0xDC00} + first, 1};
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + size > bytes.size()) return invalid;
  char32_t value = first & (0x7F >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return invalid;
    value = value << 6 | (byte(at + i) & 0x3F);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  if (overlong || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) return invalid;
  return {value, size};
}

std::size_t previous(std::string_view bytes, std::size_t at) {
  for (std::size_t back = std::min<std::size_t>(4, at); back > 1; --back) {
    if (decode(bytes, at - back).size == back) return at - back;
  }
  return at - 1;
}

std::size_t count_code_points(std::string_view bytes) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); ++count) at += decode(bytes, at).size;
  return count;
}

void encode(char32_t c, std::string& out) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c >= 0xDC80 && c <= 0xDCFF) {
    put(c - 0xDC00);  // an invalid byte, as decode gave it
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

void TextBuilder::mark(std::size_t begin, std::size_t end) {
  if (begin == end) return;
  if (!built_.literal.empty() && built_.literal.back().end == begin) {
    built_.literal.back().end = end;
  } else {
    built_.literal.push_back({begin, end});
  }
}

void TextBuilder::append(std::string_view bytes, bool literal) {
  const std::size_t begin = built_.text.size();
  if (bytes.size() > limits::text_bytes - begin) {
    throw Failure("a text grew beyond " + std::to_string(limits::text_bytes) + " bytes");
  }
  built_.text += bytes;
  if (literal) mark(begin, built_.text.size());
}

void TextBuilder::append(const Text& text, std::size_t begin, std::size_t end) {
  const std::size_t base = built_.text.size();
  append(std::string_view(text.text).substr(begin, end - begin));
  auto range = std::partition_point(text.literal.begin(), text.literal.end(),
                                    [&](const Text::Range& r) { return r.end <= begin; });
  for (; range != text.literal.end() && range->begin < end; ++range) {
    mark(base + std::max(range->begin, begin) - begin, base + std::min(range->end, end) - begin);
  }
}

void TextBuilder::append(char32_t code_point, bool literal) {
  std::string bytes;
  encode(code_point, bytes);
  append(bytes, literal);
}

Text substring(const Text& text, std::size_t begin, std::size_t end) {
  TextBuilder out;
  out.append(text, begin, end);
  return out.take();
}

Text strip(const Text& text, Side side, const std::string_view* chars) {
  const std::string_view bytes = text.text;
  const auto goes = [&](CodePoint c, std::size_t at) {
    if (chars == nullptr) return is_space(c.value);
    for (std::size_t i = 0; i < chars->size(); i += decode(*chars, i).size) {
      if (decode(*chars, i).value == decode(bytes, at).value) return true;
    }
    return false;
  };
  std::size_t begin = 0, end = bytes.size();
  while (side != Side::right && begin < end && goes(decode(bytes, begin), begin)) {
    begin += decode(bytes, begin).size;
  }
  while (side != Side::left && end > begin) {
    const std::size_t last = previous(bytes, end);
    if (!goes(decode(bytes, last), last)) break;
    end = last;
  }
  return substring(text, begin, end);
}

Text replace(const Text& text, std::string_view from, const Text& to, std::size_t limit) {
  TextBuilder out;
  const std::string_view bytes = text.text;
  std::size_t at = 0;
  if (from.empty()) {
    for (; limit > 0 && at < bytes.size(); --limit) {
      out.append(to);
      const std::size_t next = at + decode(bytes, at).size;
      out.append(text, at, next);
      at = next;
    }
    if (limit > 0) out.append(to);
    out.append(text, at, bytes.size());
    return out.take();
  }
  for (; limit > 0; --limit) {
    const std::size_t found = bytes.find(from, at);
    if (found == bytes.npos) break;
    out.append(text, at, found);
    out.append(to);
    at = found + from.size();
  }
  out.append(text, at, bytes.size());
  return out.take();
}

Text escape_html(const Text& text) {
  TextBuilder out;
  LiteralCursor literal(text);
  for (std::size_t at = 0; at < text.text.size(); ++at) {
    const char c = text.text[at];
    const std::string_view entity = c == '&'    ? "&amp;"
                                    : c == '<'  ? "&lt;"
                                    : c == '>'  ? "&gt;"
                                    : c == '\'' ? "&#39;"
                                    : c == '"'  ? "&#34;"
                                                : std::string_view(&c, 1);
    out.append(entity, literal.at(at));
  }
  return out.take();
}

}  // namespace nanoflow::jinja
