#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/text/jinja_ast.hpp"

namespace nanoflow::jinja {

struct Scope {
  std::shared_ptr<Scope> parent;
  std::unordered_map<std::string, Value> names;
};

/// The `loop` variable. Items that a for-if lets pass are looked for as they are needed, since its
/// condition may read what the body sets.
struct Loop : Object {
  bool fetch(std::size_t i);  // whether item i exists
  std::size_t length();

  List* source = nullptr;
  List* passed = nullptr;  // the source itself without a condition
  std::size_t next = 0;    // of source
  std::function<bool(const Value&)> passes;
  std::size_t index = 0;
  int depth = 1;
  std::vector<Value> last_changed;
  bool ever_changed = false;
  std::function<Value(const Value&)> recurse;
};

/// A method with what it is called on.
struct BoundMethod : Callable {
  BoundMethod(Value s, std::string n) : self(std::move(s)), name(std::move(n)) {}
  Value call(Interpreter& run, const Arguments& arguments) override;
  Value self;
  std::string name;
};

struct Function : Callable {
  using Body = Value (*)(Interpreter&, const Arguments&);
  explicit Function(Body b) : body(b) {}
  Value call(Interpreter& run, const Arguments& arguments) override { return body(run, arguments); }
  Body body;
};

/// Runs a parsed template once. Everything of the host that a template can reach is in this class
/// and in the tables of filters, tests, methods and functions.
class Interpreter {
 public:
  Interpreter(Heap& run_heap) : heap(run_heap), budget(run_heap.budget) {}

  void define(const std::string& name, Value value) { globals_->names[name] = std::move(value); }
  Text run(const Body& body);
  Place place() const { return place_; }

  Value call(const Value& callee, const Arguments& arguments);
  Value filter(const std::string& name, const Value& subject, const Arguments& arguments);
  bool test(const std::string& name, const Value& subject, const Arguments& arguments);
  Value attribute(const Value& base, const std::string& name);
  Value item(const Value& base, const Value& key);
  Value call_macro(const Statement& macro, const std::shared_ptr<Scope>& scope,
                   const Arguments& arguments);
  /// What a for loop over the value would see, as a list. Throws Failure for a value without items.
  List* items_of(const Value& value);
  Text text_of(const Value& value) { return to_text(budget, value); }

  Heap& heap;
  Budget& budget;

 private:
  enum class Flow { normal, broken, continued };
  class Depth;
  class InScope;

  Flow execute(const Body& body);
  Flow execute(const Statement& statement);
  Flow execute_loop(const Statement& loop, const Value& value, int depth);
  Flow execute_items(const Statement& loop, Loop& state);
  Flow execute_capture(const Statement& statement);
  Flow execute_with(const Statement& statement);
  void execute_call_block(const Statement& statement);
  Text captured(const Body& body, Flow& flow);
  void emit(const Text& text);
  void assign(const Expression& target, Value value);
  Value lookup(const Expression& name);

  Value evaluate(const Expression& e);
  Value dispatch(const Expression& e);
  Value evaluate_unary(const Expression& e);
  Value evaluate_binary(const Expression& e);
  bool evaluate_comparison(const Expression& e);
  Value evaluate_slice(const Expression& e);
  Value evaluate_call(const Expression& e);
  Value evaluate_dict(const Expression& e);
  Value evaluate_filter(const Expression& e, const Value* subject);
  bool evaluate_test(const Expression& e);
  Arguments evaluate_arguments(const ArgumentExpressions& expressions);

  std::shared_ptr<Scope> globals_ = std::make_shared<Scope>();
  std::shared_ptr<Scope> scope_ = globals_;
  TextBuilder* out_ = nullptr;
  Place place_;
  int depth_ = 0;
};

class Interpreter::Depth {
 public:
  explicit Depth(Interpreter& run) : run_(run) {
    if (++run_.depth_ > limits::run_depth) throw Failure("the template nests its calls too deeply");
  }
  ~Depth() { --run_.depth_; }

 private:
  Interpreter& run_;
};

class Interpreter::InScope {
 public:
  InScope(Interpreter& run, std::shared_ptr<Scope> parent)
      : run_(run), outer_(std::exchange(run.scope_, std::make_shared<Scope>(Scope{parent, {}}))) {}
  ~InScope() { run_.scope_ = std::move(outer_); }

 private:
  Interpreter& run_;
  std::shared_ptr<Scope> outer_;
};

[[noreturn]] void fail_undefined(const Value& value);
/// Throws Failure when the value is undefined.
inline void require_defined(const Value& value) {
  if (is<Undefined>(value)) fail_undefined(value);
}

// Operators (jinja_operators.cpp).
Value arithmetic(Interpreter& run, Operator op, const Value& a, const Value& b);
bool contains(Interpreter& run, const Value& container, const Value& needle);
Value slice(Interpreter& run, const Value& base, const Value& start, const Value& stop,
            const Value& step);
Text format_percent(Interpreter& run, const Text& format, const Value& arguments);
Text format_braces(Interpreter& run, const Text& format, const Arguments& arguments);

// Methods (jinja_methods_*.cpp).
bool has_method(const Value& value, std::string_view name);
Value call_method(Interpreter& run, const Value& self, const std::string& name,
                  const Arguments& arguments);
Value call_string_method(Interpreter& run, const Value& self, const std::string& name,
                         const Arguments& arguments);
Value call_container_method(Interpreter& run, const Value& self, const std::string& name,
                            const Arguments& arguments);
Value loop_attribute(Interpreter& run, Loop* loop, const std::string& name);

/// range, namespace, dict, raise_exception, strftime_now and joiner, into the globals.
void define_functions(Interpreter& run);

using FilterBody = Value (*)(Interpreter& run, const Value& subject, const Arguments& arguments);
using FilterTable = std::unordered_map<std::string_view, FilterBody>;
const FilterTable& text_filters();
const FilterTable& list_filters();
const FilterTable& select_filters();

/// Gives the arguments of a call to named parameters, as a Python function would take them.
class Parameters {
 public:
  Parameters(std::string_view function, const Arguments& arguments,
             std::initializer_list<std::string_view> names);
  bool has(std::size_t i) const { return given_[i] != nullptr; }
  const Value& value(std::size_t i) const;
  Value value_or(std::size_t i, Value otherwise) const { return has(i) ? *given_[i] : otherwise; }
  std::int64_t integer(std::size_t i) const;
  std::int64_t integer(std::size_t i, std::int64_t otherwise) const {
    return has(i) ? integer(i) : otherwise;
  }
  bool flag(std::size_t i, bool otherwise) const { return has(i) ? truthy(*given_[i]) : otherwise; }
  const Text& text(std::size_t i) const;

 private:
  std::string function_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> given_;
};

}  // namespace nanoflow::jinja
