#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "engine/text/jinja_text.hpp"

namespace nanoflow::jinja {

/// What a run may still spend. Throws Failure when it is spent.
class Budget {
 public:
  explicit Budget(std::size_t steps) : steps_left_(steps) {}
  void step(std::size_t n = 1) {
    if (n > steps_left_) throw Failure("the template takes too many steps");
    steps_left_ -= n;
  }
  void handle_bytes(std::size_t n) { step(n / limits::bytes_per_step); }
  void charge(std::size_t bytes) {
    if (bytes > limits::live_bytes - live_bytes_)
      throw Failure("the template takes too much memory");
    live_bytes_ += bytes;
  }
  void release(std::size_t bytes) { live_bytes_ -= bytes; }

 private:
  std::size_t steps_left_;
  std::size_t live_bytes_ = 0;
};

/// An immutable string. Those of the template's source have no budget.
struct StringObject {
  explicit StringObject(Text t, Budget* b = nullptr);
  ~StringObject() {
    if (budget != nullptr) budget->release(charged);
  }
  StringObject(const StringObject&) = delete;
  StringObject& operator=(const StringObject&) = delete;
  bool ascii() const { return length == text.text.size(); }

  Text text;
  std::size_t length;  // characters
  std::size_t charged;
  Budget* budget;
};
using StringRef = std::shared_ptr<const StringObject>;

struct Undefined {
  const std::string* name = nullptr;  // what was looked for, when the template names it
};
struct None {};
struct List;
struct Dict;
struct Namespace;
struct Callable;
struct Loop;

/// A value of the template language. Containers belong to the run's Heap, so that neither cycles
/// nor deep nesting, which a hostile template may build, matter when they are freed.
using Value = std::variant<Undefined, None, bool, std::int64_t, double, StringRef, List*, Dict*,
                           Namespace*, Callable*, Loop*>;

struct Object {
  virtual ~Object() = default;
};

struct List : Object {
  std::vector<Value> items;
  bool tuple = false;
  const char* view = nullptr;  // dict_items and the like, which print with their name
};

/// In order of insertion, with keys compared as Python does (1, 1.0 and true are one key).
struct Dict : Object {
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Budget& budget, const Value& key, Value value);
  std::optional<Value> erase(const Value& key);
  void clear() {
    items.clear();
    index_.clear();
  }

  std::vector<std::pair<Value, Value>> items;

 private:
  std::unordered_map<std::string, std::size_t> index_;  // canonical key to position
};

struct Namespace : Object {
  Dict attributes;
};

/// What a call passes.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Interpreter;

struct Callable : Object {
  virtual Value call(Interpreter& run, const Arguments& arguments) = 0;
};

/// Owns the containers of one run, until its end.
class Heap {
 public:
  explicit Heap(std::size_t steps) : budget(steps) {}
  template <class T, class... Args>
  T* make(Args&&... args) {
    budget.charge(sizeof(T) + 32);
    auto owned = std::make_unique<T>(std::forward<Args>(args)...);
    T* object = owned.get();
    objects_.push_back(std::move(owned));
    return object;
  }
  Value text(Text text);
  Value text(std::string_view text) { return this->text(Text{std::string(text), {}}); }
  Value list(std::vector<Value> items, bool tuple = false);
  void push(List& list, Value item);
  /// Throws Failure when data is nested too deeply. Every text of it is marked literal.
  Value from_json(const nlohmann::ordered_json& json, int depth = 0);

  Budget budget;  // first, since strings give back to it as they die

 private:
  std::vector<std::unique_ptr<Object>> objects_;
};

template <class T>
bool is(const Value& value) {
  return std::holds_alternative<T>(value);
}
/// The string, or null when the value is none.
inline const StringObject* as_string(const Value& value) {
  const StringRef* ref = std::get_if<StringRef>(&value);
  return ref == nullptr ? nullptr : ref->get();
}
template <class T>
T* as(const Value& value) {
  T* const* pointer = std::get_if<T*>(&value);
  return pointer == nullptr ? nullptr : *pointer;
}
bool is_number(const Value& value);                          // a boolean is one, as in Python
std::optional<std::int64_t> as_integer(const Value& value);  // integer or boolean
double as_real(const Value& value);                          // of a number

const char* type_name(const Value& value);  // as Python names it
bool truthy(const Value& value);
bool equal(Budget& budget, const Value& a, const Value& b, int depth = 0);
/// Less than zero, zero or more. Throws Failure for values without an order.
int compare(Budget& budget, const Value& a, const Value& b, int depth = 0);
std::string canonical_key(const Value& key);  // throws Failure for an unhashable one

std::string real_text(double value);  // as Python's repr
/// As Python's str() and repr().
Text to_text(Budget& budget, const Value& value);
void append_repr(Budget& budget, TextBuilder& out, const Value& value, int depth = 0);

struct JsonStyle {
  std::string indent;  // of one level; only when `pretty`
  bool pretty = false, ascii = false, sort_keys = false;
  std::string item_separator = ", ", key_separator = ": ";
};
void append_json(Budget& budget, TextBuilder& out, const Value& value, const JsonStyle& style,
                 int depth = 0);

}  // namespace nanoflow::jinja
