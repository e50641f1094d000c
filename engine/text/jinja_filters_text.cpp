// Filters that give text, numbers or the value itself.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

namespace {

Value default_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("default", arguments, {"default_value", "boolean"});
  const bool missing = is<Undefined>(subject) || (p.flag(1, false) && !truthy(subject));
  return missing ? p.value_or(0, run.heap.text(std::string_view())) : subject;
}

Value length_filter(Interpreter&, const Value& subject, const Arguments& arguments) {
  const Parameters p("length", arguments, {});
  if (is<Undefined>(subject)) return std::int64_t{0};
  if (const StringObject* s = as_string(subject)) return static_cast<std::int64_t>(s->length);
  if (const List* list = as<List>(subject)) return static_cast<std::int64_t>(list->items.size());
  if (const Dict* dict = as<Dict>(subject)) return static_cast<std::int64_t>(dict->items.size());
  if (Loop* loop = as<Loop>(subject)) return static_cast<std::int64_t>(loop->length());
  throw Failure(std::string("a value of type ") + type_name(subject) + " has no length");
}

template <Text (*map)(const Text&)>
Value mapped(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("the filter", arguments, {});
  return run.heap.text(map(run.text_of(subject)));
}

Value trim_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("trim", arguments, {"chars"});
  const Text text = run.text_of(subject);
  if (!p.has(0) || is<None>(p.value(0))) return run.heap.text(strip(text, Side::both));
  const std::string_view chars = p.text(0).text;
  run.budget.handle_bytes(chars.size() * text.text.size());
  return run.heap.text(strip(text, Side::both, &chars));
}

Value string_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("string", arguments, {});
  return as_string(subject) != nullptr ? subject : run.heap.text(run.text_of(subject));
}

Value replace_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("replace", arguments, {"old", "new", "count"});
  const std::int64_t count = p.has(2) && !is<None>(p.value(2)) ? p.integer(2) : -1;
  return run.heap.text(replace(run.text_of(subject), run.text_of(p.value(0)).text,
                               run.text_of(p.value(1)),
                               count < 0 ? SIZE_MAX : static_cast<std::size_t>(count)));
}

Value indent_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("indent", arguments, {"width", "first", "blank"});
  Text by{"    ", {}};
  if (p.has(0) && as_string(p.value(0)) != nullptr) {
    by = p.text(0);
  } else if (p.has(0)) {
    const std::int64_t width = std::clamp<std::int64_t>(p.integer(0), 0, limits::text_bytes);
    by.text = std::string(static_cast<std::size_t>(width), ' ');
  }
  const bool first = p.flag(1, false), blank = p.flag(2, false);
  TextBuilder whole;
  whole.append(run.text_of(subject));
  whole.append("\n");  // Jinja adds one, so that a last newline is kept
  const std::vector<Text> lines = split_lines(whole.take(), false);
  TextBuilder out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    run.budget.handle_bytes(by.text.size());
    if (i > 0) out.append("\n");
    if (i == 0 ? first : blank || !lines[i].text.empty()) out.append(by);
    out.append(lines[i]);
  }
  return run.heap.text(out.take());
}

Value word_count_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("wordcount", arguments, {});
  const Text text = run.text_of(subject);
  const auto in_word = [](char32_t c) {
    return (c >= '0' && c <= '9') || c == '_' || is_cased(c) ||
           (c >= 0x80 && !is_space(c) && !(c >= 0x2000 && c <= 0x206F) &&
            !(c >= 0x3000 && c <= 0x3004) && !(c >= 0xFF00 && c <= 0xFF0F));
  };
  std::int64_t n = 0;
  bool inside = false;
  for (std::size_t at = 0; at < text.text.size(); at += decode(text.text, at).size) {
    const bool was = std::exchange(inside, in_word(decode(text.text, at).value));
    n += inside && !was;
  }
  return n;
}

Value center_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("center", arguments, {"width"});
  Arguments width;
  width.positional.push_back(p.value_or(0, std::int64_t{80}));
  return call_method(run, run.heap.text(run.text_of(subject)), "center", width);
}

Value truncate_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const StringObject whole(run.text_of(subject));
  const std::int64_t length = p.integer(0, 255), leeway = p.integer(3, 5);
  const Text end = p.has(2) ? p.text(2) : Text{"...", {}};
  if (static_cast<std::int64_t>(whole.length) <= length + leeway) return run.heap.text(whole.text);
  const std::int64_t kept = length - static_cast<std::int64_t>(count_code_points(end.text));
  if (kept < 0) throw Failure("truncate: the length is shorter than the end");
  std::size_t at = 0;
  for (std::int64_t i = 0; i < kept; ++i) at += decode(whole.text.text, at).size;
  if (!p.flag(1, false)) at = std::min(at, whole.text.text.substr(0, at).rfind(' '));
  TextBuilder out;
  out.append(whole.text, 0, at);
  out.append(end);
  return run.heap.text(out.take());
}

Value json_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = p.flag(0, false);
  style.sort_keys = p.flag(3, false);
  if (p.has(1) && !is<None>(p.value(1))) {
    style.pretty = true;
    style.item_separator = ",";
    const bool text = as_string(p.value(1)) != nullptr;
    style.indent =
        text ? p.text(1).text
             : std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(p.integer(1), 0, 64)),
                           ' ');
  }
  if (p.has(2) && !is<None>(p.value(2))) {
    const List* both = as<List>(p.value(2));
    if (both == nullptr || both->items.size() != 2 || as_string(both->items[0]) == nullptr ||
        as_string(both->items[1]) == nullptr) {
      throw Failure("tojson: separators must be two strings");
    }
    style.item_separator = as_string(both->items[0])->text.text;
    style.key_separator = as_string(both->items[1])->text.text;
  }
  TextBuilder out;
  append_json(run.budget, out, subject, style);
  return run.heap.text(out.take());
}

/// A number as Python's int() and float() read it; nothing when the text is none.
template <class Number>
std::optional<Number> read_number(const Text& text, int base = 10) {
  std::string digits = strip(text, Side::both).text;
  std::erase(digits, '_');
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  if (digits.starts_with('-')) return std::nullopt;
  Number value{};
  const char *begin = digits.data(), *end = begin + digits.size();
  std::from_chars_result read{};
  if constexpr (std::is_integral_v<Number>) {
    if (digits.size() > 2 && digits[0] == '0') {
      const char prefix = static_cast<char>(digits[1] | 0x20);
      if ((base == 16 && prefix == 'x') || (base == 8 && prefix == 'o') ||
          (base == 2 && prefix == 'b')) {
        begin += 2;
      }
    }
    read = std::from_chars(begin, end, value, base);
  } else {
    read = std::from_chars(begin, end, value);
  }
  if (read.ec != std::errc() || read.ptr != end || begin == end) return std::nullopt;
  return negative ? -value : value;
}

Value int_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("int", arguments, {"default", "base"});
  const Value otherwise = p.value_or(0, std::int64_t{0});
  const std::int64_t base = p.integer(1, 10);
  if (base < 2 || base > 36) throw Failure("int: the base must be between 2 and 36");
  require_defined(subject);
  if (const auto integer = as_integer(subject)) return *integer;
  std::optional<double> real;
  if (const double* given = std::get_if<double>(&subject)) real = *given;
  if (const StringObject* s = as_string(subject)) {
    if (const auto read = read_number<std::int64_t>(s->text, static_cast<int>(base))) return *read;
    real = read_number<double>(s->text);
  }
  run.budget.step();
  if (!real || !std::isfinite(*real)) return otherwise;
  if (std::abs(*real) >= 9.2e18) throw Failure("int: the number is too large");
  return static_cast<std::int64_t>(*real);
}

Value float_filter(Interpreter&, const Value& subject, const Arguments& arguments) {
  const Parameters p("float", arguments, {"default"});
  require_defined(subject);
  if (is_number(subject)) return as_real(subject);
  if (const StringObject* s = as_string(subject)) {
    if (const auto read = read_number<double>(s->text)) return *read;
  }
  return p.value_or(0, 0.0);
}

Value round_filter(Interpreter&, const Value& subject, const Arguments& arguments) {
  const Parameters p("round", arguments, {"precision", "method"});
  const std::int64_t precision = p.integer(0, 0);
  const std::string method = p.has(1) ? p.text(1).text : "common";
  if (method != "common" && method != "ceil" && method != "floor") {
    throw Failure("round: the method must be common, ceil or floor");
  }
  if (!is_number(subject)) throw Failure("round takes a number");
  if (method == "common" && as_integer(subject) && precision >= 0) return *as_integer(subject);
  const double value = as_real(subject);
  if (method != "common") {
    const double scale = std::pow(10.0, static_cast<double>(precision));
    return (method == "ceil" ? std::ceil(value * scale) : std::floor(value * scale)) / scale;
  }
  if (precision > 300 || !std::isfinite(value)) return value;
  if (precision < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-precision));
    const double rounded = std::nearbyint(value / scale) * scale;
    return as_integer(subject) ? Value(static_cast<std::int64_t>(rounded)) : Value(rounded);
  }
  char buffer[800];  // correctly rounded decimal digits, as Python does it
  const auto written = std::to_chars(buffer, buffer + sizeof buffer, value,
                                     std::chars_format::fixed, static_cast<int>(precision));
  double rounded = value;
  std::from_chars(buffer, written.ptr, rounded);
  return rounded;
}

Value abs_filter(Interpreter&, const Value& subject, const Arguments& arguments) {
  const Parameters p("abs", arguments, {});
  if (const double* real = std::get_if<double>(&subject)) return std::abs(*real);
  const auto integer = as_integer(subject);
  if (!integer || *integer == INT64_MIN) throw Failure("abs takes a number");
  return *integer < 0 ? -*integer : *integer;
}

Value format_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  if (!arguments.named.empty()) {
    Dict* named = run.heap.make<Dict>();
    for (const auto& [name, value] : arguments.named) {
      named->set(run.budget, run.heap.text(name), value);
    }
    return run.heap.text(format_percent(run, run.text_of(subject), named));
  }
  return run.heap.text(
      format_percent(run, run.text_of(subject), run.heap.list(arguments.positional, true)));
}

Value same_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("safe", arguments, {});
  return as_string(subject) != nullptr ? subject : run.heap.text(run.text_of(subject));
}

}  // namespace

const FilterTable& text_filters() {
  static const FilterTable table = {{"default", default_filter},
                                    {"d", default_filter},
                                    {"length", length_filter},
                                    {"count", length_filter},
                                    {"upper", mapped<upper>},
                                    {"lower", mapped<lower>},
                                    {"capitalize", mapped<capitalize>},
                                    {"title", mapped<title_of_words>},
                                    {"escape", mapped<escape_html>},
                                    {"e", mapped<escape_html>},
                                    {"forceescape", mapped<escape_html>},
                                    {"safe", same_filter},
                                    {"trim", trim_filter},
                                    {"string", string_filter},
                                    {"replace", replace_filter},
                                    {"indent", indent_filter},
                                    {"wordcount", word_count_filter},
                                    {"center", center_filter},
                                    {"truncate", truncate_filter},
                                    {"tojson", json_filter},
                                    {"int", int_filter},
                                    {"float", float_filter},
                                    {"round", round_filter},
                                    {"abs", abs_filter},
                                    {"format", format_filter}};
  return table;
}

}  // namespace nanoflow::jinja
