// The methods of strings, as Python's str has them.
#include <algorithm>
#include <limits>

#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

namespace {

using Method = Value (*)(Interpreter& run, const StringObject& self, const std::string& name,
                         const Arguments& arguments);

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

std::size_t limit_of(std::int64_t n) {
  return n < 0 ? no_limit : static_cast<std::size_t>(n);
}

Value list_of(Interpreter& run, std::vector<Text> pieces, bool tuple = false) {
  List* out = run.heap.make<List>();
  out->tuple = tuple;
  for (Text& piece : pieces) run.heap.push(*out, run.heap.text(std::move(piece)));
  return out;
}

Value strip_method(Interpreter& run, const StringObject& self, const std::string& name,
                   const Arguments& arguments) {
  const Parameters p(name, arguments, {"chars"});
  const Side side = name == "lstrip" ? Side::left : name == "rstrip" ? Side::right : Side::both;
  if (!p.has(0) || is<None>(p.value(0))) return run.heap.text(strip(self.text, side));
  const std::string_view chars = p.text(0).text;
  run.budget.handle_bytes(chars.size() * self.text.text.size());
  return run.heap.text(strip(self.text, side, &chars));
}

Value split_method(Interpreter& run, const StringObject& self, const std::string& name,
                   const Arguments& arguments) {
  const Parameters p(name, arguments, {"sep", "maxsplit"});
  const std::size_t limit = limit_of(p.integer(1, -1));
  const bool right = name == "rsplit";
  if (!p.has(0) || is<None>(p.value(0))) {
    return list_of(run,
                   right ? split_space_right(self.text, limit) : split_space(self.text, limit));
  }
  const std::string& separator = p.text(0).text;
  return list_of(
      run, right ? split_right(self.text, separator, limit) : split(self.text, separator, limit));
}

Value partition_method(Interpreter& run, const StringObject& self, const std::string& name,
                       const Arguments& arguments) {
  const Parameters p(name, arguments, {"sep"});
  const Text& separator = p.text(0);
  std::vector<Text> pieces = name == "partition" ? split(self.text, separator.text, 1)
                                                 : split_right(self.text, separator.text, 1);
  if (pieces.size() == 2) {
    const std::size_t begin = pieces[0].text.size();
    pieces.insert(pieces.begin() + 1, substring(self.text, begin, begin + separator.text.size()));
  } else {
    pieces.insert(name == "partition" ? pieces.end() : pieces.begin(), 2, Text{});
  }
  return list_of(run, std::move(pieces), true);
}

Value lines_method(Interpreter& run, const StringObject& self, const std::string& name,
                   const Arguments& arguments) {
  const Parameters p(name, arguments, {"keepends"});
  return list_of(run, split_lines(self.text, p.flag(0, false)));
}

/// The part of the string that optional start and end arguments name.
std::pair<std::size_t, std::size_t> part_of(const StringObject& self, const Parameters& p) {
  const auto n = static_cast<std::int64_t>(self.length);
  const auto place = [&](std::size_t i, std::int64_t otherwise) {
    if (!p.has(i) || is<None>(p.value(i))) return otherwise;
    const std::int64_t given = p.integer(i);
    return std::clamp<std::int64_t>(given < 0 ? std::max(given, -n) + n : given, 0, n + 1);
  };
  const std::int64_t begin = place(1, 0), end = std::min(place(2, n), n);
  if (begin > end) return {1, 0};
  std::size_t at = 0;
  std::pair<std::size_t, std::size_t> bytes;
  for (std::int64_t i = 0; i <= end; ++i) {
    if (i == begin) bytes.first = at;
    if (i == end) bytes.second = at;
    if (i < end) at += decode(self.text.text, at).size;
  }
  return bytes;
}

Value affix_method(Interpreter& run, const StringObject& self, const std::string& name,
                   const Arguments& arguments) {
  const Parameters p(name, arguments, {name == "startswith" ? "prefix" : "suffix", "start", "end"});
  const auto [begin, end] = part_of(self, p);
  if (begin > end) return false;
  const std::string_view part = std::string_view(self.text.text).substr(begin, end - begin);
  const auto matches = [&](const Value& affix) {
    const StringObject* s = as_string(affix);
    if (s == nullptr) throw Failure(name + " takes a string or a tuple of strings");
    return name == "startswith" ? part.starts_with(s->text.text) : part.ends_with(s->text.text);
  };
  const List* list = as<List>(p.value(0));
  if (list == nullptr || !list->tuple) return matches(p.value(0));
  run.budget.step(list->items.size());
  return std::any_of(list->items.begin(), list->items.end(), matches);
}

Value find_method(Interpreter&, const StringObject& self, const std::string& name,
                  const Arguments& arguments) {
  const Parameters p(name, arguments, {"sub", "start", "end"});
  const std::string& what = p.text(0).text;
  const auto [begin, end] = part_of(self, p);
  std::size_t found = std::string_view::npos;
  if (begin <= end) {
    const std::string_view part = std::string_view(self.text.text).substr(begin, end - begin);
    if (name == "count") {
      std::int64_t n = 0;
      for (std::size_t at = part.find(what); !what.empty() && at != part.npos; ++n) {
        at = part.find(what, at + what.size());
      }
      return what.empty() ? static_cast<std::int64_t>(count_code_points(part)) + 1 : n;
    }
    found = name[0] == 'r' ? part.rfind(what) : part.find(what);
  }
  if (name == "count") return std::int64_t{0};
  if (found == std::string_view::npos) {
    if (name.ends_with("index")) throw Failure("substring not found");
    return std::int64_t{-1};
  }
  const std::string_view before = std::string_view(self.text.text).substr(0, begin + found);
  return static_cast<std::int64_t>(count_code_points(before));
}

Value replace_method(Interpreter& run, const StringObject& self, const std::string& name,
                     const Arguments& arguments) {
  const Parameters p(name, arguments, {"old", "new", "count"});
  return run.heap.text(replace(self.text, p.text(0).text, p.text(1), limit_of(p.integer(2, -1))));
}

Value join_method(Interpreter& run, const StringObject& self, const std::string& name,
                  const Arguments& arguments) {
  const Parameters p(name, arguments, {"iterable"});
  TextBuilder out;
  bool first = true;
  for (const Value& item : run.items_of(p.value(0))->items) {
    const StringObject* s = as_string(item);
    if (s == nullptr) throw Failure(std::string("join: expected a string, not ") + type_name(item));
    run.budget.step();
    if (!std::exchange(first, false)) out.append(self.text);
    out.append(s->text);
  }
  return run.heap.text(out.take());
}

Value case_method(Interpreter& run, const StringObject& self, const std::string& name,
                  const Arguments& arguments) {
  const Parameters p(name, arguments, {});
  return run.heap.text(name == "upper"        ? upper(self.text)
                       : name == "capitalize" ? capitalize(self.text)
                       : name == "title"      ? title(self.text)
                       : name == "swapcase"   ? swap_case(self.text)
                                              : lower(self.text));
}

Value remove_affix_method(Interpreter& run, const StringObject& self, const std::string& name,
                          const Arguments& arguments) {
  const Parameters p(name, arguments, {name == "removeprefix" ? "prefix" : "suffix"});
  const std::string &affix = p.text(0).text, &whole = self.text.text;
  if (name == "removeprefix" && whole.starts_with(affix)) {
    return run.heap.text(substring(self.text, affix.size(), whole.size()));
  }
  if (name == "removesuffix" && whole.ends_with(affix)) {
    return run.heap.text(substring(self.text, 0, whole.size() - affix.size()));
  }
  return run.heap.text(self.text);
}

Value pad_method(Interpreter& run, const StringObject& self, const std::string& name,
                 const Arguments& arguments) {
  const Parameters p(name, arguments, {"width", "fillchar"});
  const auto length = static_cast<std::int64_t>(self.length);
  const std::int64_t missing = std::max<std::int64_t>(p.integer(0) - length, 0);
  const std::string fill = name == "zfill" ? "0" : p.has(1) ? p.text(1).text : " ";
  if (count_code_points(fill) != 1) throw Failure(name + ": the fill must be one character");
  const bool sign =
      name == "zfill" && (self.text.text.starts_with('-') || self.text.text.starts_with('+'));
  // As Python: with an odd rest, the wider side depends on the parity of the width.
  std::int64_t left = name == "ljust" ? 0 : missing;
  if (name == "center") left = missing / 2 + (missing & (length + missing) & 1);
  TextBuilder out;
  if (sign) out.append(self.text, 0, 1);
  for (std::int64_t i = 0; i < left; ++i) out.append(fill);
  out.append(self.text, sign ? 1 : 0, self.text.text.size());
  for (std::int64_t i = left; i < missing; ++i) out.append(fill);
  return run.heap.text(out.take());
}

/// isalpha and the like. Beyond ASCII, a letter is what has case or lies in a script without case.
Value class_method(Interpreter&, const StringObject& self, const std::string& name,
                   const Arguments& arguments) {
  const Parameters p(name, arguments, {});
  bool any = false, any_cased = false;
  for (std::size_t at = 0; at < self.text.text.size();) {
    const CodePoint c = decode(self.text.text, at);
    at += c.size;
    any = true;
    const bool digit = c.value >= '0' && c.value <= '9';
    const bool alpha = is_cased(c.value) || (c.value >= 0x5D0 && c.value <= 0x64A) ||
                       (c.value >= 0x904 && c.value <= 0x1FFF) ||
                       (c.value >= 0x3041 && c.value <= 0xD7A3) ||
                       (c.value >= 0x20000 && c.value <= 0x3134F);
    any_cased |= is_cased(c.value);
    const bool fits = name == "isspace"   ? is_space(c.value)
                      : name == "isalpha" ? alpha
                      : name == "isalnum" ? alpha || digit
                      : name == "islower" ? to_lower(c.value) == c.value
                      : name == "isupper" ? to_upper(c.value) == c.value
                                          : digit;
    if (!fits) return false;
  }
  return name == "islower" || name == "isupper" ? any_cased : any;
}

Value format_method(Interpreter& run, const StringObject& self, const std::string&,
                    const Arguments& arguments) {
  return run.heap.text(format_braces(run, self.text, arguments));
}

const std::unordered_map<std::string_view, Method>& methods() {
  static const std::unordered_map<std::string_view, Method> table = {
      {"strip", strip_method},
      {"lstrip", strip_method},
      {"rstrip", strip_method},
      {"split", split_method},
      {"rsplit", split_method},
      {"partition", partition_method},
      {"rpartition", partition_method},
      {"splitlines", lines_method},
      {"startswith", affix_method},
      {"endswith", affix_method},
      {"find", find_method},
      {"rfind", find_method},
      {"index", find_method},
      {"rindex", find_method},
      {"count", find_method},
      {"replace", replace_method},
      {"join", join_method},
      {"upper", case_method},
      {"lower", case_method},
      {"casefold", case_method},
      {"capitalize", case_method},
      {"title", case_method},
      {"swapcase", case_method},
      {"removeprefix", remove_affix_method},
      {"removesuffix", remove_affix_method},
      {"center", pad_method},
      {"ljust", pad_method},
      {"rjust", pad_method},
      {"zfill", pad_method},
      {"isalnum", class_method},
      {"isalpha", class_method},
      {"isdecimal", class_method},
      {"isdigit", class_method},
      {"isnumeric", class_method},
      {"islower", class_method},
      {"isupper", class_method},
      {"isspace", class_method},
      {"format", format_method}};
  return table;
}

}  // namespace

Value call_string_method(Interpreter& run, const Value& self, const std::string& name,
                         const Arguments& arguments) {
  const auto found = methods().find(name);
  if (found == methods().end()) throw Failure("a string has no method '" + name + "'");
  return found->second(run, *as_string(self), name, arguments);
}

}  // namespace nanoflow::jinja
