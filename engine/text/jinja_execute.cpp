// Statements.
#include <algorithm>

#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

using Kind = Statement::Kind;

namespace {

struct Macro : Callable {
  Macro(const Statement& d, std::shared_ptr<Scope> s) : definition(d), scope(std::move(s)) {}
  Value call(Interpreter& run, const Arguments& arguments) override {
    return run.call_macro(definition, scope, arguments);
  }
  const Statement& definition;
  std::shared_ptr<Scope> scope;
};

}  // namespace

bool Loop::fetch(std::size_t i) {
  while (passed->items.size() <= i && passed != source && next < source->items.size()) {
    const Value candidate = source->items[next++];
    if (passes(candidate)) passed->items.push_back(candidate);
  }
  return i < passed->items.size();
}

std::size_t Loop::length() {
  while (passed != source && next < source->items.size()) fetch(passed->items.size());
  return passed->items.size();
}

Text Interpreter::run(const Body& body) {
  TextBuilder out;
  out_ = &out;
  // The template's own names are apart from the globals, which macros see too.
  const InScope scope(*this, globals_);
  execute(body);
  return out.take();
}

void Interpreter::emit(const Text& text) {
  budget.handle_bytes(text.text.size());
  out_->append(text);
}

Interpreter::Flow Interpreter::execute(const Body& body) {
  const Depth depth(*this);
  for (const auto& statement : body) {
    const Flow flow = execute(*statement);
    if (flow != Flow::normal) return flow;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute(const Statement& s) {
  budget.step();
  place_ = s.place;
  switch (s.kind) {
    case Kind::data:
      emit(as_string(s.text)->text);
      break;
    case Kind::output: {
      const Value value = evaluate(*s.value);
      if (const StringObject* text = as_string(value)) {
        emit(text->text);
      } else {
        emit(text_of(value));
      }
      break;
    }
    case Kind::condition:
      for (const Statement::Branch& branch : s.branches) {
        if (branch.condition == nullptr || truthy(evaluate(*branch.condition))) {
          return execute(branch.body);
        }
      }
      break;
    case Kind::loop:
      return execute_loop(s, evaluate(*s.value), 1);
    case Kind::assignment:
      assign(*s.target, evaluate(*s.value));
      break;
    case Kind::block_capture:
    case Kind::filter_block:
      return execute_capture(s);
    case Kind::macro:
      scope_->names[s.name] = heap.make<Macro>(s, scope_);
      break;
    case Kind::call_block:
      execute_call_block(s);
      break;
    case Kind::with:
      return execute_with(s);
    case Kind::scope: {
      const InScope scope(*this, scope_);
      return execute(s.body);
    }
    case Kind::loop_break:
      return Flow::broken;
    case Kind::loop_continue:
      return Flow::continued;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute_loop(const Statement& s, const Value& value, int depth) {
  Loop* loop = heap.make<Loop>();
  loop->source = loop->passed = items_of(value);
  loop->depth = depth;
  if (s.condition != nullptr) {
    loop->passed = heap.make<List>();
    loop->passes = [this, &s](const Value& candidate) {
      const InScope scope(*this, scope_);
      budget.step();
      budget.charge(2 * sizeof(Value));
      assign(*s.target, candidate);
      return truthy(evaluate(*s.condition));
    };
  }
  if (s.recursive) {
    loop->recurse = [this, &s, depth](const Value& inner) {
      const Depth nesting(*this);
      TextBuilder out;
      TextBuilder* outer = std::exchange(out_, &out);
      execute_loop(s, inner, depth + 1);
      out_ = outer;
      return heap.text(out.take());
    };
  }
  return execute_items(s, *loop);
}

Interpreter::Flow Interpreter::execute_items(const Statement& s, Loop& loop) {
  const std::shared_ptr<Scope> outer = scope_;
  for (; loop.fetch(loop.index); ++loop.index) {
    budget.step();
    const InScope scope(*this, outer);
    assign(*s.target, Value(loop.passed->items[loop.index]));
    scope_->names["loop"] = &loop;
    if (execute(s.body) == Flow::broken) return Flow::normal;
  }
  if (loop.index > 0 || s.otherwise.empty()) return Flow::normal;
  const InScope scope(*this, outer);
  return execute(s.otherwise);
}

Text Interpreter::captured(const Body& body, Flow& flow) {
  const InScope scope(*this, scope_);
  TextBuilder out;
  TextBuilder* outer = std::exchange(out_, &out);
  flow = execute(body);
  out_ = outer;
  return out.take();
}

Interpreter::Flow Interpreter::execute_capture(const Statement& s) {
  Flow flow = Flow::normal;
  Value text = heap.text(captured(s.body, flow));
  if (s.value != nullptr) text = evaluate_filter(*s.value, &text);
  if (s.kind == Kind::filter_block) {
    emit(text_of(text));
  } else {
    assign(*s.target, std::move(text));
  }
  return flow;
}

Interpreter::Flow Interpreter::execute_with(const Statement& s) {
  std::vector<Value> values;
  for (const auto& [target, value] : s.bindings) values.push_back(evaluate(*value));
  const InScope scope(*this, scope_);
  for (std::size_t i = 0; i < values.size(); ++i) assign(*s.bindings[i].first, values[i]);
  return execute(s.body);
}

void Interpreter::execute_call_block(const Statement& s) {
  const Value callee = evaluate(*s.value->operands[0]);
  Arguments arguments = evaluate_arguments(s.value->arguments);
  arguments.named.emplace_back("caller", heap.make<Macro>(s, scope_));
  emit(text_of(call(callee, arguments)));
}

void Interpreter::assign(const Expression& target, Value value) {
  if (target.kind == Expression::Kind::name) {
    scope_->names[target.name] = std::move(value);
    return;
  }
  if (target.kind == Expression::Kind::attribute) {
    const Value base = lookup(*target.operands[0]);
    Namespace* space = as<Namespace>(base);
    if (space == nullptr) throw Failure("cannot assign attribute on non-namespace object");
    space->attributes.set(budget, heap.text(target.name), std::move(value));
    return;
  }
  const List* items = items_of(value);
  if (items->items.size() != target.operands.size()) {
    throw Failure("cannot unpack " + std::to_string(items->items.size()) + " values into " +
                  std::to_string(target.operands.size()) + " names");
  }
  for (std::size_t i = 0; i < target.operands.size(); ++i) {
    assign(*target.operands[i], items->items[i]);
  }
}

Value Interpreter::call_macro(const Statement& macro, const std::shared_ptr<Scope>& defined_in,
                              const Arguments& arguments) {
  const Depth depth(*this);
  const Signature& signature = macro.signature;
  const InScope scope(*this, defined_in);
  auto& names = scope_->names;
  const std::size_t n = signature.names.size();
  const std::size_t n_given = std::min(n, arguments.positional.size());
  for (std::size_t i = 0; i < n_given; ++i) names[signature.names[i]] = arguments.positional[i];
  std::vector<Value> rest(arguments.positional.begin() + static_cast<std::ptrdiff_t>(n_given),
                          arguments.positional.end());
  if (!rest.empty() && !signature.uses_varargs) {
    throw Failure("the macro takes not more than " + std::to_string(n) + " arguments");
  }
  if (signature.uses_varargs) names["varargs"] = heap.list(std::move(rest), true);
  Dict* more = heap.make<Dict>();
  for (const auto& [name, value] : arguments.named) {
    const auto parameter = std::find(signature.names.begin(), signature.names.end(), name);
    if (parameter != signature.names.end() || (name == "caller" && signature.uses_caller)) {
      if (names.contains(name)) throw Failure("the macro got two values for '" + name + "'");
      names[name] = value;
    } else if (signature.uses_kwargs) {
      more->set(budget, heap.text(name), value);
    } else {
      throw Failure("the macro has no argument '" + name + "'");
    }
  }
  if (signature.uses_kwargs) names["kwargs"] = more;
  for (std::size_t i = 0; i < n; ++i) {
    if (names.contains(signature.names[i])) continue;
    const std::size_t first = n - signature.defaults.size();
    // A default may use the arguments before it. evaluate() may rehash the scope, so it comes
    // first.
    Value value = Undefined{&signature.names[i]};
    if (i >= first) value = evaluate(*signature.defaults[i - first]);
    scope_->names[signature.names[i]] = std::move(value);
  }
  if (signature.uses_caller && !names.contains("caller")) names["caller"] = Undefined{};
  Flow flow = Flow::normal;
  return heap.text(captured(macro.body, flow));
}

}  // namespace nanoflow::jinja
