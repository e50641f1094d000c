// Filters that apply another filter or test to every item.
#include "engine/text/jinja_filters.hpp"

namespace nanoflow::jinja {

namespace {

/// The arguments without the first n positional ones.
Arguments rest_of(const Arguments& arguments, std::size_t n) {
  Arguments rest = arguments;
  n = std::min(n, rest.positional.size());
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(n));
  return rest;
}

const std::string& name_of(const Value& value, const char* what) {
  const StringObject* s = as_string(value);
  if (s == nullptr) throw Failure(std::string(what) + " must be named by a string");
  return s->text.text;
}

Value map_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  List* out = run.heap.make<List>();
  const std::vector<Value>& items = run.items_of(subject)->items;
  if (!arguments.positional.empty()) {
    const std::string& name = name_of(arguments.positional[0], "a filter");
    const Arguments rest = rest_of(arguments, 1);
    for (const Value& item : items) run.heap.push(*out, run.filter(name, item, rest));
    return out;
  }
  const Parameters p("map", arguments, {"attribute", "default"});
  for (const Value& item : items) {
    run.heap.push(*out, at_path(run, item, p.value(0), p.has(1) ? &p.value(1) : nullptr));
  }
  return out;
}

template <bool keep, bool by_attribute>
Value choose_filter(Interpreter& run, const Value& subject, const Arguments& arguments) {
  const auto& given = arguments.positional;
  const std::size_t skip = by_attribute ? 1 : 0;
  if (given.size() < skip) throw Failure("the filter needs the name of an attribute");
  const std::string* test = given.size() > skip ? &name_of(given[skip], "a test") : nullptr;
  const Arguments rest = rest_of(arguments, skip + 1);
  List* out = run.heap.make<List>();
  const List* items = run.items_of(subject);
  for (std::size_t i = 0; i < items->items.size(); ++i) {
    const Value item = items->items[i];
    run.budget.step();
    const Value value = by_attribute ? at_path(run, item, given[0]) : item;
    const bool holds = test != nullptr ? run.test(*test, value, rest) : truthy(value);
    if (holds == keep) run.heap.push(*out, item);
  }
  return out;
}

}  // namespace

const FilterTable& select_filters() {
  static const FilterTable table = {{"map", map_filter},
                                    {"select", choose_filter<true, false>},
                                    {"reject", choose_filter<false, false>},
                                    {"selectattr", choose_filter<true, true>},
                                    {"rejectattr", choose_filter<false, true>}};
  return table;
}

}  // namespace nanoflow::jinja
