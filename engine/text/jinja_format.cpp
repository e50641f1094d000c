// String formatting: "%s" as Python's % operator, and "{}" as str.format.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

namespace {

struct Conversion {
  bool left = false, zero = false, plus = false, space = false, alternate = false;
  std::int64_t width = 0, precision = -1;
  char type = 's';
};

Text text_of_number(const Conversion& c, const Value& value) {
  char buffer[512];
  const int precision =
      c.precision < 0 ? 6 : static_cast<int>(std::min<std::int64_t>(c.precision, 100));
  if (std::string_view("eEfFgG").find(c.type) != std::string_view::npos) {
    const char format[] = {'%', '.', '*', c.type, '\0'};
    std::snprintf(buffer, sizeof buffer, format, precision, as_real(value));
  } else {
    const double* real = std::get_if<double>(&value);
    const bool whole = c.type == 'd' || c.type == 'i' || c.type == 'u';
    if (real != nullptr && (!whole || !(std::abs(*real) < 9.2e18))) {
      throw Failure("format: an integer is required");
    }
    const std::int64_t n = real != nullptr ? static_cast<std::int64_t>(*real) : *as_integer(value);
    const unsigned long long size = n < 0 ? 0 - static_cast<unsigned long long>(n) : n;
    const char* format = c.type == 'x'   ? "%s%llx"
                         : c.type == 'X' ? "%s%llX"
                         : c.type == 'o' ? "%s%llo"
                                         : "%s%llu";
    std::snprintf(buffer, sizeof buffer, format, n < 0 ? "-" : "", size);
  }
  std::string digits = buffer;
  if (digits[0] != '-' && (c.plus || c.space)) digits.insert(0, c.plus ? "+" : " ");
  return {digits, {}};
}

void append_padded(TextBuilder& out, const Text& text, const Conversion& c, bool number) {
  const auto length = static_cast<std::int64_t>(count_code_points(text.text));
  const std::int64_t missing = std::max<std::int64_t>(c.width - length, 0);
  const bool zero = c.zero && number && !c.left;
  const std::size_t sign =
      zero && (text.text[0] == '-' || text.text[0] == '+' || text.text[0] == ' ');
  out.append(text, 0, sign);
  for (std::int64_t i = 0; !c.left && i < missing; ++i) out.append(zero ? "0" : " ");
  out.append(text, sign, text.text.size());
  for (std::int64_t i = 0; c.left && i < missing; ++i) out.append(" ");
}

/// What the conversions of a % format take, one after the other or by name.
class Supply {
 public:
  explicit Supply(const Value& arguments) : all_(arguments), list_(as<List>(arguments)) {
    if (list_ != nullptr && !list_->tuple) list_ = nullptr;
  }
  const Value& next() {
    if (list_ == nullptr ? used_ > 0 : used_ >= list_->items.size()) {
      throw Failure("not enough arguments for format string");
    }
    return list_ == nullptr ? (++used_, all_) : list_->items[used_++];
  }
  const Value& named(std::string_view name) {
    const Dict* dict = as<Dict>(all_);
    const Value* found = dict == nullptr ? nullptr : dict->find(name);
    if (found == nullptr) throw Failure("format: no value for '" + std::string(name) + "'");
    used_ = 1;
    return *found;
  }
  void finish() const {
    const bool left =
        list_ != nullptr ? used_ < list_->items.size() : used_ == 0 && as<Dict>(all_) == nullptr;
    if (left) throw Failure("not all arguments converted during string formatting");
  }

 private:
  const Value& all_;
  const List* list_;
  std::size_t used_ = 0;
};

std::int64_t read_width(std::string_view text, std::size_t& at, Supply& supply) {
  if (at < text.size() && text[at] == '*') {
    ++at;
    const auto given = as_integer(supply.next());
    if (!given) throw Failure("format: * takes an integer");
    return *given;
  }
  std::int64_t width = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    width = std::min<std::int64_t>(width * 10 + (text[at] - '0'), limits::text_bytes + 1);
  }
  return width;
}

void append_conversion(Interpreter& run, TextBuilder& out, const Conversion& c,
                       const Value& value) {
  if (c.type == 's' || c.type == 'r' || c.type == 'a') {
    TextBuilder repr;
    if (c.type != 's') append_repr(run.budget, repr, value);
    const Text whole = c.type == 's' ? run.text_of(value) : repr.take();
    std::size_t end = 0;
    for (std::int64_t i = 0; end < whole.text.size() && (c.precision < 0 || i < c.precision); ++i) {
      end += decode(whole.text, end).size;
    }
    return append_padded(out, substring(whole, 0, end), c, false);
  }
  require_defined(value);
  if (c.type == 'c' && as_string(value) != nullptr && as_string(value)->length == 1) {
    return append_padded(out, as_string(value)->text, c, false);
  }
  if (std::string_view("diuxXoeEfFgG").find(c.type) == std::string_view::npos) {
    throw Failure(std::string("unsupported format character '") + c.type + "'");
  }
  if (!is_number(value)) {
    throw Failure(std::string("format: a number is required, not ") + type_name(value));
  }
  append_padded(out, text_of_number(c, value), c, true);
}

}  // namespace

Text format_percent(Interpreter& run, const Text& format, const Value& arguments) {
  TextBuilder out;
  Supply supply(arguments);
  const std::string_view text = format.text;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t percent = std::min(text.find('%', at), text.size());
    out.append(format, at, percent);
    at = percent + 1;
    if (percent == text.size()) break;
    run.budget.step();
    const Value* named = nullptr;
    if (at < text.size() && text[at] == '(') {
      const std::size_t close = text.find(')', at);
      if (close == text.npos) throw Failure("incomplete format key");
      named = &supply.named(text.substr(at + 1, close - at - 1));
      at = close + 1;
    }
    Conversion c;
    for (; at < text.size() && std::string_view("-0+ #").find(text[at]) != text.npos; ++at) {
      c.left |= text[at] == '-';
      c.zero |= text[at] == '0';
      c.plus |= text[at] == '+';
      c.space |= text[at] == ' ';
    }
    c.width = read_width(text, at, supply);
    if (c.width < 0) {
      c.left = true;
      c.width =
          -std::max<std::int64_t>(c.width, -static_cast<std::int64_t>(limits::text_bytes) - 1);
    }
    if (at < text.size() && text[at] == '.') c.precision = read_width(text, ++at, supply);
    while (at < text.size() && (text[at] == 'l' || text[at] == 'h' || text[at] == 'L')) ++at;
    if (at >= text.size()) throw Failure("incomplete format");
    c.type = text[at++];
    if (c.type == '%') {
      out.append("%");
    } else {
      append_conversion(run, out, c, named != nullptr ? *named : supply.next());
    }
  }
  supply.finish();
  return out.take();
}

namespace {

/// The value of a field like 0, name, name.key or 0[key].
Value field_value(Interpreter& run, std::string_view field, const Arguments& arguments,
                  std::size_t& next) {
  const std::size_t stop = std::min(field.find_first_of(".["), field.size());
  const std::string name(field.substr(0, stop));
  Value value;
  if (name.empty() || (name.size() < 9 && name.find_first_not_of("0123456789") == name.npos)) {
    const std::size_t i = name.empty() ? next++ : std::stoul(name);
    if (i >= arguments.positional.size()) throw Failure("format: too few arguments");
    value = arguments.positional[i];
  } else {
    const auto found = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [&](const auto& argument) { return argument.first == name; });
    if (found == arguments.named.end()) throw Failure("format: no argument '" + name + "'");
    value = found->second;
  }
  for (std::string_view rest = field.substr(stop); !rest.empty();) {
    const bool bracket = rest[0] == '[';
    const std::size_t end = std::min(rest.find_first_of(bracket ? "]" : ".[", 1), rest.size());
    const std::string key(rest.substr(1, end - 1));
    const bool index = bracket && !key.empty() && key.size() < 9 &&
                       key.find_first_not_of("0123456789") == key.npos;
    value = run.item(value, index ? Value(std::int64_t{std::stoll(key)}) : run.heap.text(key));
    rest.remove_prefix(std::min(end + bracket, rest.size()));
  }
  return value;
}

/// [[fill]align][0][width][.precision][type] of a field.
void append_field(Interpreter& run, TextBuilder& out, std::string_view spec, const Value& value) {
  static constexpr std::string_view aligns = "<>^";
  Conversion c;
  std::size_t at = 0;
  std::string fill = " ";
  const bool number = is_number(value) && !is<bool>(value);
  char align = number ? '>' : '<';
  if (spec.size() > 1 && aligns.find(spec[1]) != spec.npos) {
    fill = spec[0];
    align = spec[1];
    at = 2;
  } else if (!spec.empty() && aligns.find(spec[0]) != spec.npos) {
    align = spec[at++];
  }
  if (at < spec.size() && spec[at] == '+') c.plus = ++at > 0;
  if (at < spec.size() && spec[at] == '0' && number) {
    fill = "0";
    ++at;
  }
  const Value nothing = None{};
  Supply none(nothing);
  if (spec.find('*') != spec.npos) throw Failure("format: no * in a field");
  c.width = read_width(spec, at, none);
  if (at < spec.size() && spec[at] == '.') c.precision = read_width(spec, ++at, none);
  const bool typed = at < spec.size();
  c.type = typed ? spec[at++] : number && c.precision >= 0 ? 'g' : 's';
  if (at != spec.size()) throw Failure("format: invalid field '" + std::string(spec) + "'");
  const std::int64_t width = std::exchange(c.width, 0);
  TextBuilder inner;
  append_conversion(run, inner, c, value);
  const Text text = inner.take();
  const std::int64_t length = static_cast<std::int64_t>(count_code_points(text.text));
  const std::int64_t missing = std::max<std::int64_t>(width - length, 0);
  const std::int64_t left = align == '<' ? 0 : align == '>' ? missing : missing / 2;
  const std::size_t sign = fill == "0" && text.text.starts_with('-');
  out.append(text, 0, sign);
  for (std::int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(text, sign, text.text.size());
  for (std::int64_t i = left; i < missing; ++i) out.append(fill);
}

}  // namespace

Text format_braces(Interpreter& run, const Text& format, const Arguments& arguments) {
  TextBuilder out;
  const std::string_view text = format.text;
  std::size_t next = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t brace = std::min(text.find_first_of("{}", at), text.size());
    out.append(format, at, brace);
    if (brace == text.size()) break;
    if (brace + 1 < text.size() && text[brace + 1] == text[brace]) {
      out.append(format, brace, brace + 1);
      at = brace + 2;
      continue;
    }
    const std::size_t close = text.find('}', brace);
    if (text[brace] == '}' || close == text.npos) throw Failure("format: a single brace");
    run.budget.step();
    std::string_view field = text.substr(brace + 1, close - brace - 1);
    std::string_view spec;
    if (const std::size_t colon = field.find(':'); colon != field.npos) {
      spec = field.substr(colon + 1);
      field = field.substr(0, colon);
    }
    char conversion = '\0';
    if (field.size() > 1 && field[field.size() - 2] == '!') {
      conversion = field.back();
      field.remove_suffix(2);
    }
    Value value = field_value(run, field, arguments, next);
    if (conversion == 'r') {
      TextBuilder repr;
      append_repr(run.budget, repr, value);
      value = run.heap.text(repr.take());
    } else if (conversion == 's') {
      value = run.heap.text(run.text_of(value));
    } else if (conversion != '\0') {
      throw Failure("format: an unknown conversion");
    }
    append_field(run, out, spec, value);
    at = close + 1;
  }
  return out.take();
}

}  // namespace nanoflow::jinja
