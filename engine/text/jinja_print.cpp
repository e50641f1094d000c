// Values as text: Python's str() and repr(), and JSON.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/text/jinja_value.hpp"

namespace nanoflow::jinja {

/// The shortest digits that read back as the same number, in Python's notation.
std::string real_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto scientific =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string text(buffer, scientific.ptr);
  const int exponent = std::stoi(text.substr(text.find('e') + 1));
  if (value != 0 && (exponent < -4 || exponent >= 16)) return text;
  const auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  const std::string plain(buffer, fixed.ptr);
  return plain.find('.') == plain.npos ? plain + ".0" : plain;
}

static std::string hexadecimal(char32_t value, int digits) {
  std::string out;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[value >> shift & 15];
  }
  return out;
}

static void append_quoted(TextBuilder& out, const Text& text) {
  const bool doubles =
      text.text.find('\'') != std::string::npos && text.text.find('"') == std::string::npos;
  const char32_t quote = doubles ? '"' : '\'';
  LiteralCursor literal(text);
  out.append(quote, false);
  for (std::size_t at = 0; at < text.text.size();) {
    const CodePoint c = decode(text.text, at);
    const bool marked = literal.at(at);
    at += c.size;
    if (c.value == quote || c.value == '\\') {
      out.append("\\", marked);
      out.append(c.value, marked);
    } else if (c.value == '\n' || c.value == '\r' || c.value == '\t') {
      out.append(c.value == '\n' ? "\\n" : c.value == '\r' ? "\\r" : "\\t", marked);
    } else if (c.value < 0x20 || (c.value >= 0x7F && c.value < 0xA1) || c.value == 0xAD) {
      out.append("\\x" + hexadecimal(c.value, 2), marked);
    } else if ((is_space(c.value) && c.value > 0xFF) || c.value == 0xFEFF ||
               (c.value >= 0x200B && c.value <= 0x200F)) {
      out.append("\\u" + hexadecimal(c.value, 4), marked);
    } else {
      out.append(c.value, marked);
    }
  }
  out.append(quote, false);
}

static void append_list(Budget& budget, TextBuilder& out, const List& list, int depth) {
  if (list.view != nullptr) out.append(std::string(list.view) + "(");
  out.append(list.tuple ? "(" : "[");
  for (std::size_t i = 0; i < list.items.size(); ++i) {
    if (i > 0) out.append(", ");
    append_repr(budget, out, list.items[i], depth + 1);
  }
  if (list.tuple && list.items.size() == 1) out.append(",");
  out.append(list.tuple ? ")" : "]");
  if (list.view != nullptr) out.append(")");
}

static void append_dict(Budget& budget, TextBuilder& out, const Dict& dict, int depth) {
  out.append("{");
  for (std::size_t i = 0; i < dict.items.size(); ++i) {
    if (i > 0) out.append(", ");
    append_repr(budget, out, dict.items[i].first, depth + 1);
    out.append(": ");
    append_repr(budget, out, dict.items[i].second, depth + 1);
  }
  out.append("}");
}

void append_repr(Budget& budget, TextBuilder& out, const Value& value, int depth) {
  if (depth > limits::data_depth) throw Failure("a value is nested too deeply to be printed");
  budget.step();
  if (const StringObject* s = as_string(value)) {
    append_quoted(out, s->text);
  } else if (is<None>(value)) {
    out.append("None");
  } else if (const bool* b = std::get_if<bool>(&value)) {
    out.append(*b ? "True" : "False");
  } else if (const std::int64_t* i = std::get_if<std::int64_t>(&value)) {
    out.append(std::to_string(*i));
  } else if (const double* real = std::get_if<double>(&value)) {
    out.append(real_text(*real));
  } else if (const List* list = as<List>(value)) {
    append_list(budget, out, *list, depth);
  } else if (const Dict* dict = as<Dict>(value)) {
    append_dict(budget, out, *dict, depth);
  } else if (const Namespace* space = as<Namespace>(value)) {
    out.append("<Namespace ");
    append_dict(budget, out, space->attributes, depth);
    out.append(">");
  } else if (is<Undefined>(value)) {
    out.append("Undefined");
  } else {
    out.append(std::string("<") + type_name(value) + ">");
  }
}

Text to_text(Budget& budget, const Value& value) {
  if (const StringObject* s = as_string(value)) return s->text;
  if (is<Undefined>(value)) return {};
  TextBuilder out;
  append_repr(budget, out, value);
  budget.handle_bytes(out.size());
  return out.take();
}

static void append_json_string(TextBuilder& out, const Text& text, bool ascii) {
  static constexpr std::string_view special = "\"\\\n\r\t\b\f", letters = "\"\\nrtbf";
  LiteralCursor literal(text);
  out.append("\"");
  for (std::size_t at = 0; at < text.text.size();) {
    const CodePoint c = decode(text.text, at);
    const bool marked = literal.at(at);
    at += c.size;
    const std::size_t known =
        c.value < 0x80 ? special.find(static_cast<char>(c.value)) : special.npos;
    if (known != special.npos) {
      out.append(std::string("\\") + letters[known], marked);
    } else if (c.value < 0x20 ||
               (ascii && c.value > 0x7E && c.value < 0x10000 && c.value != 0x7F)) {
      out.append("\\u" + hexadecimal(c.value, 4), marked);
    } else if (ascii && c.value >= 0x10000) {
      const char32_t rest = c.value - 0x10000;
      out.append("\\u" + hexadecimal(0xD800 + (rest >> 10), 4) + "\\u" +
                     hexadecimal(0xDC00 + (rest & 0x3FF), 4),
                 marked);
    } else {
      out.append(c.value, marked);
    }
  }
  out.append("\"");
}

static void append_json_key(TextBuilder& out, const Value& key, bool ascii) {
  if (const StringObject* s = as_string(key)) return append_json_string(out, s->text, ascii);
  std::string name = is<None>(key) ? "null" : "";
  if (const bool* b = std::get_if<bool>(&key)) name = *b ? "true" : "false";
  if (const std::int64_t* i = std::get_if<std::int64_t>(&key)) name = std::to_string(*i);
  if (const double* real = std::get_if<double>(&key)) name = real_text(*real);
  if (name.empty()) throw Failure(std::string("no JSON key of type ") + type_name(key));
  out.append("\"" + name + "\"");
}

/// The items of a list or map, between brackets, on lines of their own when pretty.
template <class Item>
static void append_json_items(TextBuilder& out, std::size_t n, const char* brackets,
                              const JsonStyle& style, int depth, Item append_item) {
  const auto new_line = [&](int level) {
    if (!style.pretty) return;
    out.append("\n");
    for (int i = 0; i < level; ++i) out.append(style.indent);
  };
  out.append(std::string_view(brackets, 1));
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) out.append(style.item_separator);
    new_line(depth + 1);
    append_item(i);
  }
  if (n > 0) new_line(depth);
  out.append(std::string_view(brackets + 1, 1));
}

void append_json(Budget& budget, TextBuilder& out, const Value& value, const JsonStyle& style,
                 int depth) {
  if (depth > limits::data_depth) throw Failure("a value is nested too deeply for JSON");
  budget.step();
  if (const StringObject* s = as_string(value)) {
    append_json_string(out, s->text, style.ascii);
  } else if (is<None>(value)) {
    out.append("null");
  } else if (const bool* b = std::get_if<bool>(&value)) {
    out.append(*b ? "true" : "false");
  } else if (const std::int64_t* i = std::get_if<std::int64_t>(&value)) {
    out.append(std::to_string(*i));
  } else if (const double* real = std::get_if<double>(&value)) {
    out.append(std::isnan(*real)   ? "NaN"
               : std::isinf(*real) ? (*real < 0 ? "-Infinity" : "Infinity")
                                   : real_text(*real));
  } else if (const List* list = as<List>(value)) {
    append_json_items(out, list->items.size(), "[]", style, depth, [&](std::size_t i) {
      append_json(budget, out, list->items[i], style, depth + 1);
    });
  } else if (const Dict* dict = as<Dict>(value)) {
    std::vector<const std::pair<Value, Value>*> items;
    for (const auto& item : dict->items) items.push_back(&item);
    if (style.sort_keys) {
      std::stable_sort(items.begin(), items.end(), [&](const auto* a, const auto* b) {
        return compare(budget, a->first, b->first) < 0;
      });
    }
    append_json_items(out, items.size(), "{}", style, depth, [&](std::size_t i) {
      append_json_key(out, items[i]->first, style.ascii);
      out.append(style.key_separator);
      append_json(budget, out, items[i]->second, style, depth + 1);
    });
  } else {
    throw Failure(std::string("a value of type ") + type_name(value) + " has no JSON form");
  }
}

}  // namespace nanoflow::jinja
