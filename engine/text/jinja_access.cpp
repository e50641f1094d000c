// Attributes, items, slices and iteration: only of maps, lists, strings, namespaces and loops.
#include <algorithm>

#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

namespace {

/// Byte range of a character.
std::pair<std::size_t, std::size_t> character(const StringObject& s, std::size_t index) {
  if (s.ascii()) return {index, index + 1};
  std::size_t at = 0;
  for (; index > 0; --index) at += decode(s.text.text, at).size;
  return {at, at + decode(s.text.text, at).size};
}

Value element(Interpreter& run, const Value& base, std::int64_t index) {
  const StringObject* s = as_string(base);
  const List* list = as<List>(base);
  const auto n = static_cast<std::int64_t>(s != nullptr ? s->length : list->items.size());
  if (index < 0) index += n;
  if (index < 0 || index >= n) return Undefined{};
  const auto i = static_cast<std::size_t>(index);
  if (list != nullptr) return list->items[i];
  if (!s->ascii()) run.budget.handle_bytes(s->text.text.size());
  const auto [begin, end] = character(*s, i);
  return run.heap.text(substring(s->text, begin, end));
}

}  // namespace

Value Interpreter::attribute(const Value& base, const std::string& name) {
  require_defined(base);
  if (Loop* loop = as<Loop>(base)) return loop_attribute(*this, loop, name);
  if (const Namespace* space = as<Namespace>(base)) {
    const Value* found = space->attributes.find(std::string_view(name));
    return found != nullptr ? *found : Value(Undefined{});
  }
  if (has_method(base, name)) return heap.make<BoundMethod>(base, name);
  if (const Dict* dict = as<Dict>(base)) {
    if (const Value* found = dict->find(std::string_view(name))) return *found;
  }
  return Undefined{};
}

Value Interpreter::item(const Value& base, const Value& key) {
  require_defined(base);
  if (const Dict* dict = as<Dict>(base)) {
    const bool unhashable =
        as<Dict>(key) != nullptr || (as<List>(key) != nullptr && !as<List>(key)->tuple);
    const Value* found = unhashable ? nullptr : dict->find(key);
    if (found != nullptr) return *found;
  } else if (as_string(base) != nullptr || as<List>(base) != nullptr) {
    if (const auto index = as_integer(key)) return element(*this, base, *index);
  }
  const StringObject* name = as_string(key);
  if (name == nullptr) return Undefined{};
  return attribute(base, name->text.text);
}

List* Interpreter::items_of(const Value& value) {
  if (List* list = as<List>(value)) return list;
  List* out = heap.make<List>();
  if (const StringObject* s = as_string(value)) {
    for (std::size_t at = 0; at < s->text.text.size();) {
      const std::size_t next = at + decode(s->text.text, at).size;
      heap.push(*out, heap.text(substring(s->text, at, next)));
      at = next;
    }
  } else if (const Dict* dict = as<Dict>(value)) {
    for (const auto& [key, item] : dict->items) heap.push(*out, key);
  } else if (!is<Undefined>(value)) {
    throw Failure(std::string("'") + type_name(value) + "' object is not iterable");
  }
  return out;
}

namespace {

struct Bounds {
  std::int64_t start, stop, step;
};

/// As Python's slice.indices.
Bounds bounds_of(std::int64_t n, const Value& start, const Value& stop, const Value& step) {
  const auto integer = [](const Value& value, std::int64_t otherwise) {
    if (is<None>(value)) return otherwise;
    require_defined(value);
    const auto given = as_integer(value);
    if (!given) throw Failure("slice indices must be integers or none");
    return *given;
  };
  Bounds b{0, 0, integer(step, 1)};
  if (b.step == 0) throw Failure("slice step cannot be zero");
  b.step = std::clamp<std::int64_t>(b.step, -INT64_MAX / 4, INT64_MAX / 4);
  const std::int64_t low = b.step < 0 ? -1 : 0, high = b.step < 0 ? n - 1 : n;
  const auto place = [&](const Value& value, std::int64_t otherwise) {
    if (is<None>(value)) return otherwise;
    const std::int64_t given = integer(value, 0);
    return std::clamp(given < 0 ? std::max(given, -n - 1) + n : given, low, high);
  };
  b.start = place(start, b.step < 0 ? high : low);
  b.stop = place(stop, b.step < 0 ? low : high);
  return b;
}

}  // namespace

Value slice(Interpreter& run, const Value& base, const Value& start, const Value& stop,
            const Value& step) {
  require_defined(base);
  const StringObject* s = as_string(base);
  const List* list = as<List>(base);
  if (s == nullptr && list == nullptr) {
    throw Failure(std::string("'") + type_name(base) + "' object has no slices");
  }
  const auto n = static_cast<std::int64_t>(s != nullptr ? s->length : list->items.size());
  const Bounds b = bounds_of(n, start, stop, step);
  const auto before_end = [&](std::int64_t i) { return b.step < 0 ? i > b.stop : i < b.stop; };
  if (list != nullptr) {
    List* out = run.heap.make<List>();
    out->tuple = list->tuple;
    for (std::int64_t i = b.start; before_end(i); i += b.step) {
      run.heap.push(*out, list->items[static_cast<std::size_t>(i)]);
    }
    return out;
  }
  std::vector<std::uint32_t> offsets;  // of every character, and the end
  run.budget.handle_bytes(s->text.text.size());
  offsets.reserve(s->length + 1);
  for (std::size_t at = 0; at < s->text.text.size(); at += decode(s->text.text, at).size) {
    offsets.push_back(static_cast<std::uint32_t>(at));
  }
  offsets.push_back(static_cast<std::uint32_t>(s->text.text.size()));
  if (b.step == 1) {
    const auto stop_at = static_cast<std::size_t>(std::max(b.start, b.stop));
    return run.heap.text(
        substring(s->text, offsets[static_cast<std::size_t>(b.start)], offsets[stop_at]));
  }
  TextBuilder out;
  for (std::int64_t i = b.start; before_end(i); i += b.step) {
    const auto place = static_cast<std::size_t>(i);
    out.append(s->text, offsets[place], offsets[place + 1]);
  }
  return run.heap.text(out.take());
}

Value loop_attribute(Interpreter& run, Loop* loop, const std::string& name) {
  const auto integer = [](std::size_t n) { return Value(static_cast<std::int64_t>(n)); };
  const auto neighbour = [&](bool exists, std::size_t i) {
    return exists ? loop->passed->items[i] : Value(Undefined{});
  };
  const std::size_t i = loop->index;
  if (name == "index") return integer(i + 1);
  if (name == "index0") return integer(i);
  if (name == "first") return i == 0;
  if (name == "last") return !loop->fetch(i + 1);
  if (name == "length") return integer(loop->length());
  if (name == "revindex") return integer(loop->length() - i);
  if (name == "revindex0") return integer(loop->length() - i - 1);
  if (name == "previtem") return neighbour(i > 0, i - 1);
  if (name == "nextitem") return neighbour(loop->fetch(i + 1), i + 1);
  if (name == "depth") return integer(static_cast<std::size_t>(loop->depth));
  if (name == "depth0") return integer(static_cast<std::size_t>(loop->depth - 1));
  if (name == "cycle" || name == "changed") return run.heap.make<BoundMethod>(loop, name);
  return Undefined{};
}

}  // namespace nanoflow::jinja
