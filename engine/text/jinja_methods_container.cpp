// The methods of lists, maps and the loop variable, as Python's list and dict have them.
#include <algorithm>

#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

namespace {

Value call_list_method(Interpreter& run, List& self, const std::string& name,
                       const Arguments& arguments) {
  auto& items = self.items;
  const auto n = static_cast<std::int64_t>(items.size());
  run.budget.step(items.size() / 16);  // what may move when one is inserted or removed
  const auto position = [&](std::int64_t given) {
    return items.begin() + std::clamp<std::int64_t>(given < 0 ? given + n : given, 0, n);
  };
  if (name == "append" || name == "extend") {
    const Parameters p(name, arguments, {"value"});
    if (name == "append") {
      run.heap.push(self, p.value(0));
    } else {
      const std::vector<Value> more = run.items_of(p.value(0))->items;
      for (const Value& item : more) run.heap.push(self, item);
    }
    return None{};
  }
  if (name == "insert") {
    const Parameters p(name, arguments, {"index", "value"});
    run.budget.charge(2 * sizeof(Value));
    items.insert(position(p.integer(0)), p.value(1));
    return None{};
  }
  if (name == "pop") {
    const Parameters p(name, arguments, {"index"});
    const std::int64_t index = p.integer(0, -1);
    if (index >= n || index < -n) throw Failure("pop index out of range");
    Value taken = *position(index);
    items.erase(position(index));
    return taken;
  }
  if (name == "index" || name == "count" || name == "remove") {
    const Parameters p(name, arguments, {"value"});
    const auto same = [&](const Value& item) { return equal(run.budget, item, p.value(0)); };
    if (name == "count") return std::int64_t{std::count_if(items.begin(), items.end(), same)};
    const auto found = std::find_if(items.begin(), items.end(), same);
    if (found == items.end()) throw Failure(name + ": the value is not in the list");
    if (name == "index") return std::int64_t{found - items.begin()};
    items.erase(found);
    return None{};
  }
  const Parameters p(name, arguments, {"key", "reverse"});
  if (name == "copy") {
    run.budget.step(items.size());
    return run.heap.list(items);
  }
  if (name == "clear") items.clear();
  if (name == "reverse") std::reverse(items.begin(), items.end());
  if (name == "sort") {
    if (p.has(0)) throw Failure("sort: a key is not supported");
    std::stable_sort(items.begin(), items.end(),
                     [&](const Value& a, const Value& b) { return compare(run.budget, a, b) < 0; });
    if (p.flag(1, false)) std::reverse(items.begin(), items.end());
  }
  return None{};
}

Value pair(Interpreter& run, const Value& a, const Value& b) {
  return run.heap.list({a, b}, true);
}

/// Lists, which only print as Python's views do.
Value dict_view(Interpreter& run, const Dict& self, const std::string& name,
                const Arguments& arguments) {
  const Parameters p(name, arguments, {});
  List* out = run.heap.make<List>();
  out->view = name == "items" ? "dict_items" : name == "keys" ? "dict_keys" : "dict_values";
  for (const auto& [key, value] : self.items) {
    run.heap.push(*out, name == "items" ? pair(run, key, value) : name == "keys" ? key : value);
  }
  return out;
}

void update(Interpreter& run, Dict& self, const Arguments& arguments) {
  if (!arguments.positional.empty()) {
    const Dict* other = as<Dict>(arguments.positional[0]);
    if (other == nullptr) throw Failure("update takes a mapping");
    const auto items = other->items;
    for (const auto& [key, value] : items) self.set(run.budget, key, value);
  }
  for (const auto& [name, value] : arguments.named) {
    self.set(run.budget, run.heap.text(name), value);
  }
}

Value call_dict_method(Interpreter& run, Dict& self, const std::string& name,
                       const Arguments& arguments) {
  if (name == "items" || name == "keys" || name == "values") {
    return dict_view(run, self, name, arguments);
  }
  if (name == "update") {
    update(run, self, arguments);
    return None{};
  }
  if (name == "get" || name == "setdefault" || name == "pop") {
    const Parameters p(name, arguments, {"key", "default"});
    if (name == "pop") {
      run.budget.step(self.items.size());
      if (auto taken = self.erase(p.value(0))) return *taken;
      return p.has(1) ? p.value(1) : throw Failure("pop: no such key");
    }
    if (const Value* found = self.find(p.value(0))) return *found;
    const Value otherwise = p.value_or(1, None{});
    if (name == "setdefault") self.set(run.budget, p.value(0), otherwise);
    return otherwise;
  }
  const Parameters p(name, arguments, {});
  if (name == "popitem") {
    if (self.items.empty()) throw Failure("popitem: the map is empty");
    const auto last = self.items.back();
    run.budget.step(self.items.size());
    self.erase(last.first);
    return pair(run, last.first, last.second);
  }
  Dict* out = name == "copy" ? run.heap.make<Dict>() : nullptr;
  if (out == nullptr) {
    self.clear();
    return None{};
  }
  for (const auto& [key, value] : self.items) out->set(run.budget, key, value);
  return out;
}

Value call_loop_method(Interpreter& run, Loop& self, const std::string& name,
                       const Arguments& arguments) {
  const auto& given = arguments.positional;
  if (name == "cycle") {
    if (given.empty()) throw Failure("loop.cycle needs values");
    return given[self.index % given.size()];
  }
  const bool same =
      self.ever_changed && given.size() == self.last_changed.size() &&
      std::equal(given.begin(), given.end(), self.last_changed.begin(),
                 [&](const Value& a, const Value& b) { return equal(run.budget, a, b); });
  self.ever_changed = true;
  self.last_changed = given;
  return !same;
}

}  // namespace

Value call_container_method(Interpreter& run, const Value& self, const std::string& name,
                            const Arguments& arguments) {
  if (List* list = as<List>(self)) return call_list_method(run, *list, name, arguments);
  if (Dict* dict = as<Dict>(self)) return call_dict_method(run, *dict, name, arguments);
  if (Loop* loop = as<Loop>(self)) return call_loop_method(run, *loop, name, arguments);
  throw Failure(std::string("'") + type_name(self) + "' has no method '" + name + "'");
}

}  // namespace nanoflow::jinja
