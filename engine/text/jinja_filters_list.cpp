// Filters of lists and maps.
#include <algorithm>

#include "engine/text/jinja_filters.hpp"

namespace nanoflow::jinja {

Value comparable(Interpreter& run, const Value& value, bool case_sensitive) {
  const StringObject* s = as_string(value);
  return s == nullptr || case_sensitive ? value : run.heap.text(lower(s->text));
}

Value at_path(Interpreter& run, const Value& value, const Value& path, const Value* otherwise) {
  const auto found = [&](Value item) {
    return otherwise != nullptr && is<Undefined>(item) ? *otherwise : item;
  };
  if (as_integer(path)) return found(run.item(value, path));
  const StringObject* s = as_string(path);
  if (s == nullptr) throw Failure("an attribute must be named by a string or an integer");
  Value at = value;
  for (const Text& part : split(s->text, ".", SIZE_MAX)) {
    run.budget.step();
    const bool digits = !part.text.empty() && part.text.size() < 10 &&
                        part.text.find_first_not_of("0123456789") == std::string::npos;
    require_defined(at);
    if (digits) {
      at = found(run.item(at, std::int64_t{std::stoll(part.text)}));
    } else {
      at = found(run.item(at, run.heap.text(part)));
    }
  }
  return at;
}

namespace {

Value first_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("first", arguments, {});
  const List* items = run.items_of(subject);
  return items->items.empty() ? Value(Undefined{}) : items->items.front();
}

Value last_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("last", arguments, {});
  const List* items = run.items_of(subject);
  return items->items.empty() ? Value(Undefined{}) : items->items.back();
}

Value list_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("list", arguments, {});
  List* out = run.heap.make<List>();
  for (const Value& item : run.items_of(subject)->items) run.heap.push(*out, item);
  return out;
}

Value items_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("items", arguments, {});
  if (is<Undefined>(subject)) return run.heap.make<List>();
  if (as<Dict>(subject) == nullptr) throw Failure("items takes a mapping");
  return call_method(run, subject, "items", {});
}

Value join_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("join", arguments, {"d", "attribute"});
  const Text separator = p.has(0) ? run.text_of(p.value(0)) : Text{};
  const bool by_attribute = p.has(1) && !is<None>(p.value(1));
  TextBuilder out;
  bool first = true;
  for (const Value& item : run.items_of(subject)->items) {
    run.budget.step();
    if (!std::exchange(first, false)) out.append(separator);
    out.append(run.text_of(by_attribute ? at_path(run, item, p.value(1)) : item));
  }
  return run.heap.text(out.take());
}

/// The items with what each is compared by.
std::vector<std::pair<Value, const Value*>> keyed(Interpreter& run, const List& items,
                                                  const Value* path, bool case_sensitive) {
  std::vector<std::pair<Value, const Value*>> out;
  run.budget.charge(items.items.size() * 2 * sizeof(Value));
  for (const Value& item : items.items) {
    run.budget.step();
    const Value key = path != nullptr ? at_path(run, item, *path) : item;
    out.emplace_back(comparable(run, key, case_sensitive), &item);
  }
  return out;
}

/// The argument that names an attribute, or null.
const Value* path_of(const Parameters& p, std::size_t i) {
  return p.has(i) && !is<None>(p.value(i)) ? &p.value(i) : nullptr;
}

Value sort_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const bool reverse = p.flag(0, false), case_sensitive = p.flag(1, false);
  std::vector<Value> paths;  // "a,b" sorts by a, then by b
  if (const Value* path = path_of(p, 2)) {
    if (as_string(*path) == nullptr) {
      paths.push_back(*path);
    } else {
      for (Text& part : split(as_string(*path)->text, ",", SIZE_MAX)) {
        paths.push_back(run.heap.text(std::move(part)));
      }
    }
  }
  List* out = as<List>(list_filter(run, subject, {}));
  // Sorting by the last path first is the same as comparing by all, since the sort is stable.
  do {
    const Value* path = paths.empty() ? nullptr : &paths.back();
    const List before = *out;
    auto items = keyed(run, before, path, case_sensitive);
    std::stable_sort(items.begin(), items.end(), [&](const auto& a, const auto& b) {
      require_defined(a.first);
      return (reverse ? compare(run.budget, b.first, a.first)
                      : compare(run.budget, a.first, b.first)) < 0;
    });
    for (std::size_t i = 0; i < items.size(); ++i) out->items[i] = *items[i].second;
    if (!paths.empty()) paths.pop_back();
  } while (!paths.empty());
  return out;
}

Value unique_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("unique", arguments, {"case_sensitive", "attribute"});
  const List* items = run.items_of(subject);
  Dict* seen = run.heap.make<Dict>();
  List* out = run.heap.make<List>();
  for (const auto& [key, item] : keyed(run, *items, path_of(p, 1), p.flag(0, false))) {
    if (seen->find(key) != nullptr) continue;
    seen->set(run.budget, key, true);
    run.heap.push(*out, *item);
  }
  return out;
}

template <bool largest>
Value extreme_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("min or max", arguments, {"case_sensitive", "attribute"});
  const List* list = run.items_of(subject);
  const auto items = keyed(run, *list, path_of(p, 1), p.flag(0, false));
  if (items.empty()) return Undefined{};
  const std::pair<Value, const Value*>* best = &items[0];
  for (const auto& item : items) {
    const int order = compare(run.budget, item.first, best->first);
    if (largest ? order > 0 : order < 0) best = &item;
  }
  return *best->second;
}

Value sum_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("sum", arguments, {"attribute", "start"});
  Value total = p.value_or(1, std::int64_t{0});
  if (as_string(total) != nullptr) throw Failure("sum cannot add strings");
  for (const Value& item : run.items_of(subject)->items) {
    const Value* path = path_of(p, 0);
    total = arithmetic(run, Operator::add, total, path ? at_path(run, item, *path) : item);
  }
  return total;
}

Value reverse_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("reverse", arguments, {});
  if (as_string(subject) != nullptr) {
    return slice(run, subject, None{}, None{}, std::int64_t{-1});
  }
  List* out = as<List>(list_filter(run, subject, {}));
  std::reverse(out->items.begin(), out->items.end());
  return out;
}

Value batch_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("batch", arguments, {"linecount", "fill_with"});
  const std::int64_t n = p.integer(0);
  List* out = run.heap.make<List>();
  List* row = nullptr;
  for (const Value& item : run.items_of(subject)->items) {
    if (row == nullptr || static_cast<std::int64_t>(row->items.size()) == n) {
      row = run.heap.make<List>();
      run.heap.push(*out, row);
    }
    run.heap.push(*row, item);
  }
  if (row != nullptr && p.has(1) && !is<None>(p.value(1))) {
    while (static_cast<std::int64_t>(row->items.size()) < n) run.heap.push(*row, p.value(1));
  }
  return out;
}

Value dictsort_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = p.has(1) ? p.text(1).text : "key";
  if (by != "key" && by != "value") throw Failure("dictsort: by must be key or value");
  if (as<Dict>(subject) == nullptr) throw Failure("dictsort takes a mapping");
  Arguments sorting;
  sorting.named.emplace_back("attribute", std::int64_t{by == "value"});
  sorting.named.emplace_back("case_sensitive", p.flag(0, false));
  sorting.named.emplace_back("reverse", p.flag(2, false));
  return sort_filter(run, items_filter(run, subject, {}), sorting);
}

Value attr_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const Parameters p("attr", arguments, {"name"});
  if (as<Dict>(subject) != nullptr && !has_method(subject, p.text(0).text)) return Undefined{};
  return run.attribute(subject, p.text(0).text);
}

}  // namespace

const FilterTable& list_filters() {
  static const FilterTable table = {
      {"first", first_filter},       {"last", last_filter},          {"list", list_filter},
      {"items", items_filter},       {"join", join_filter},          {"sort", sort_filter},
      {"unique", unique_filter},     {"min", extreme_filter<false>}, {"max", extreme_filter<true>},
      {"sum", sum_filter},           {"reverse", reverse_filter},    {"batch", batch_filter},
      {"dictsort", dictsort_filter}, {"attr", attr_filter}};
  return table;
}

}  // namespace nanoflow::jinja
