#include "engine/text/jinja_value.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace nanoflow::jinja {

StringObject::StringObject(Text t, Budget* b)
    : text(std::move(t)),
      length(count_code_points(text.text)),
      charged(sizeof(StringObject) + 32 + text.text.size() +
              text.literal.size() * sizeof(Text::Range)),
      budget(b) {
  if (budget == nullptr) return;
  try {
    budget->handle_bytes(text.text.size());
    budget->charge(charged);
  } catch (...) {
    budget = nullptr;
    throw;
  }
}

Value Heap::text(Text text) {
  return StringRef(std::make_shared<const StringObject>(std::move(text), &budget));
}

Value Heap::list(std::vector<Value> items, bool tuple) {
  budget.step(items.size());
  budget.charge(items.size() * sizeof(Value));
  List* list = make<List>();
  list->items = std::move(items);
  list->tuple = tuple;
  return list;
}

void Heap::push(List& list, Value item) {
  budget.step();
  budget.charge(2 * sizeof(Value));  // vectors double
  list.items.push_back(std::move(item));
}

Value Heap::from_json(const nlohmann::ordered_json& json, int depth) {
  if (depth > limits::data_depth) throw Failure("the messages or tools are nested too deeply");
  const auto literal = [this](const std::string& s) {
    Text marked{s, {}};
    if (!s.empty()) marked.literal.push_back({0, s.size()});
    return text(std::move(marked));
  };
  switch (json.type()) {
    case nlohmann::ordered_json::value_t::boolean:
      return json.get<bool>();
    case nlohmann::ordered_json::value_t::number_integer:
      return json.get<std::int64_t>();
    case nlohmann::ordered_json::value_t::number_unsigned: {
      const auto n = json.get<std::uint64_t>();
      if (n > static_cast<std::uint64_t>(INT64_MAX)) return static_cast<double>(n);
      return static_cast<std::int64_t>(n);
    }
    case nlohmann::ordered_json::value_t::number_float:
      return json.get<double>();
    case nlohmann::ordered_json::value_t::string:
      return literal(json.get_ref<const std::string&>());
    case nlohmann::ordered_json::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(from_json(item, depth + 1));
      return list(std::move(items));
    }
    case nlohmann::ordered_json::value_t::object: {
      Dict* dict = make<Dict>();
      for (const auto& [key, value] : json.items()) {
        dict->set(budget, literal(key), from_json(value, depth + 1));
      }
      return dict;
    }
    default:
      return None{};
  }
}

const Value* Dict::find(const Value& key) const {
  const auto found = index_.find(canonical_key(key));
  return found == index_.end() ? nullptr : &items[found->second].second;
}

const Value* Dict::find(std::string_view key) const {
  const auto found = index_.find("s" + std::string(key));
  return found == index_.end() ? nullptr : &items[found->second].second;
}

void Dict::set(Budget& budget, const Value& key, Value value) {
  std::string canonical = canonical_key(key);
  const auto found = index_.find(canonical);
  if (found != index_.end()) {
    items[found->second].second = std::move(value);
    return;
  }
  budget.step();
  budget.charge(4 * sizeof(Value) + 64 + canonical.size());
  index_.emplace(std::move(canonical), items.size());
  items.emplace_back(key, std::move(value));
}

std::optional<Value> Dict::erase(const Value& key) {
  const auto found = index_.find(canonical_key(key));
  if (found == index_.end()) return std::nullopt;
  const std::size_t position = found->second;
  Value value = std::move(items[position].second);
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(position));
  index_.erase(found);
  for (auto& [name, place] : index_) place -= place > position;
  return value;
}

std::string canonical_key(const Value& key) {
  if (const StringObject* s = as_string(key)) return "s" + s->text.text;
  if (is<None>(key)) return "n";
  if (const auto integer = as_integer(key)) return "i" + std::to_string(*integer);
  if (const double* real = std::get_if<double>(&key)) {
    const bool whole = std::floor(*real) == *real && std::abs(*real) < 9e15;
    return whole ? "i" + std::to_string(static_cast<std::int64_t>(*real)) : "r" + real_text(*real);
  }
  const List* list = as<List>(key);
  if (list == nullptr || !list->tuple) {
    throw Failure(std::string("unhashable type: '") + type_name(key) + "'");
  }
  std::string out = "(";
  for (const Value& item : list->items) {
    if (as<List>(item) != nullptr) throw Failure("tuples in the tuple of a key are not supported");
    const std::string part = canonical_key(item);
    out += std::to_string(part.size()) + ":" + part;
  }
  return out;
}

bool is_number(const Value& value) {
  return is<bool>(value) || is<std::int64_t>(value) || is<double>(value);
}

std::optional<std::int64_t> as_integer(const Value& value) {
  if (const bool* b = std::get_if<bool>(&value)) return *b;
  if (const std::int64_t* i = std::get_if<std::int64_t>(&value)) return *i;
  return std::nullopt;
}

double as_real(const Value& value) {
  if (const double* real = std::get_if<double>(&value)) return *real;
  return static_cast<double>(as_integer(value).value_or(0));
}

const char* type_name(const Value& value) {
  if (const List* list = as<List>(value)) return list->tuple ? "tuple" : "list";
  static constexpr const char* names[] = {"Undefined", "NoneType", "bool",       "int",
                                          "float",     "str",      "list",       "dict",
                                          "Namespace", "function", "LoopContext"};
  return names[value.index()];
}

bool truthy(const Value& value) {
  if (is<Undefined>(value) || is<None>(value)) return false;
  if (is_number(value)) return as_real(value) != 0;
  if (const StringObject* s = as_string(value)) return !s->text.text.empty();
  if (const List* list = as<List>(value)) return !list->items.empty();
  if (const Dict* dict = as<Dict>(value)) return !dict->items.empty();
  return true;
}

static void check_depth(int depth) {
  if (depth > limits::data_depth) throw Failure("a value is nested too deeply");
}

bool equal(Budget& budget, const Value& a, const Value& b, int depth) {
  check_depth(depth);
  budget.step();
  if (is_number(a) && is_number(b)) {
    if (is<double>(a) || is<double>(b)) return as_real(a) == as_real(b);
    return as_integer(a) == as_integer(b);
  }
  if (a.index() != b.index()) return false;
  if (const StringObject* s = as_string(a)) {
    budget.handle_bytes(s->text.text.size());
    return s->text.text == as_string(b)->text.text;
  }
  if (const List* left = as<List>(a)) {
    const List* right = as<List>(b);
    return left->tuple == right->tuple && left->items.size() == right->items.size() &&
           std::equal(
               left->items.begin(), left->items.end(), right->items.begin(),
               [&](const Value& x, const Value& y) { return equal(budget, x, y, depth + 1); });
  }
  if (const Dict* left = as<Dict>(a)) {
    const Dict* right = as<Dict>(b);
    if (left->items.size() != right->items.size()) return false;
    return std::all_of(left->items.begin(), left->items.end(), [&](const auto& item) {
      const Value* other = right->find(item.first);
      return other != nullptr && equal(budget, item.second, *other, depth + 1);
    });
  }
  if (is<Undefined>(a) || is<None>(a)) return true;
  return std::visit(
      [&](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_pointer_v<T>) return x == std::get<T>(b);
        return false;
      },
      a);
}

int compare(Budget& budget, const Value& a, const Value& b, int depth) {
  check_depth(depth);
  budget.step();
  if (is_number(a) && is_number(b)) {
    if (is<double>(a) || is<double>(b)) {
      return as_real(a) < as_real(b) ? -1 : as_real(a) > as_real(b) ? 1 : 0;
    }
    return *as_integer(a) < *as_integer(b) ? -1 : *as_integer(a) > *as_integer(b) ? 1 : 0;
  }
  if (as_string(a) != nullptr && as_string(b) != nullptr) {
    budget.handle_bytes(as_string(a)->text.text.size());
    return as_string(a)->text.text.compare(as_string(b)->text.text);  // UTF-8 sorts as code points
  }
  const List *left = as<List>(a), *right = as<List>(b);
  if (left == nullptr || right == nullptr || left->tuple != right->tuple) {
    throw Failure(std::string("no order between '") + type_name(a) + "' and '" + type_name(b) +
                  "'");
  }
  for (std::size_t i = 0; i < left->items.size() && i < right->items.size(); ++i) {
    if (equal(budget, left->items[i], right->items[i], depth + 1)) continue;
    return compare(budget, left->items[i], right->items[i], depth + 1);
  }
  return left->items.size() < right->items.size() ? -1 : left->items.size() > right->items.size();
}

}  // namespace nanoflow::jinja
