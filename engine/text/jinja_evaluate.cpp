// Expressions.
#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

using Kind = Expression::Kind;

void fail_undefined(const Value& value) {
  const Undefined* undefined = std::get_if<Undefined>(&value);
  const bool named = undefined != nullptr && undefined->name != nullptr;
  throw Failure(named ? "'" + *undefined->name + "' is undefined" : "a value is undefined");
}

/// On an error the place stays that of the innermost expression; otherwise it goes back to the
/// outer one.
Value Interpreter::evaluate(const Expression& e) {
  const Depth depth(*this);
  budget.step();
  const Place outer = std::exchange(place_, e.place);
  Value value = dispatch(e);
  place_ = outer;
  return value;
}

Value Interpreter::dispatch(const Expression& e) {
  switch (e.kind) {
    case Kind::constant:
      return e.constant;
    case Kind::name:
      return lookup(e);
    case Kind::list:
    case Kind::tuple: {
      std::vector<Value> items;
      for (const auto& operand : e.operands) items.push_back(evaluate(*operand));
      return heap.list(std::move(items), e.kind == Kind::tuple);
    }
    case Kind::dict:
      return evaluate_dict(e);
    case Kind::unary:
      return evaluate_unary(e);
    case Kind::binary:
      return evaluate_binary(e);
    case Kind::comparison:
      return evaluate_comparison(e);
    case Kind::concatenate: {
      TextBuilder out;
      for (const auto& operand : e.operands) out.append(text_of(evaluate(*operand)));
      return heap.text(out.take());
    }
    case Kind::conditional:
      if (truthy(evaluate(*e.operands[0]))) return evaluate(*e.operands[1]);
      return e.operands[2] != nullptr ? evaluate(*e.operands[2]) : Value(Undefined{});
    case Kind::attribute: {
      Value value = attribute(evaluate(*e.operands[0]), e.name);
      return is<Undefined>(value) ? Value(Undefined{&e.name}) : value;
    }
    case Kind::item: {
      const Value base = evaluate(*e.operands[0]);
      return item(base, evaluate(*e.operands[1]));
    }
    case Kind::slice:
      return evaluate_slice(e);
    case Kind::call:
      return evaluate_call(e);
    case Kind::filter:
      return evaluate_filter(e, nullptr);
    case Kind::test:
      return evaluate_test(e);
  }
  return Undefined{};
}

Value Interpreter::lookup(const Expression& name) {
  for (const Scope* scope = scope_.get(); scope != nullptr; scope = scope->parent.get()) {
    const auto found = scope->names.find(name.name);
    if (found != scope->names.end()) return found->second;
  }
  return Undefined{&name.name};
}

Value Interpreter::evaluate_dict(const Expression& e) {
  Dict* dict = heap.make<Dict>();
  for (std::size_t i = 0; i < e.operands.size(); i += 2) {
    const Value key = evaluate(*e.operands[i]);
    dict->set(budget, key, evaluate(*e.operands[i + 1]));
  }
  return dict;
}

Value Interpreter::evaluate_unary(const Expression& e) {
  const Value value = evaluate(*e.operands[0]);
  if (e.operators[0] == Operator::logical_not) return !truthy(value);
  require_defined(value);
  if (!is_number(value))
    throw Failure(std::string("no sign on a value of type ") + type_name(value));
  if (e.operators[0] == Operator::plus) {
    return is<double>(value) ? value : Value(*as_integer(value));
  }
  if (const double* real = std::get_if<double>(&value)) return -*real;
  return arithmetic(*this, Operator::subtract, std::int64_t{0}, value);
}

Value Interpreter::evaluate_binary(const Expression& e) {
  const Operator op = e.operators[0];
  Value left = evaluate(*e.operands[0]);
  if (op == Operator::logical_and) return truthy(left) ? evaluate(*e.operands[1]) : left;
  if (op == Operator::logical_or) return truthy(left) ? left : evaluate(*e.operands[1]);
  const Value right = evaluate(*e.operands[1]);
  return arithmetic(*this, op, left, right);
}

bool Interpreter::evaluate_comparison(const Expression& e) {
  Value left = evaluate(*e.operands[0]);
  for (std::size_t i = 0; i < e.operators.size(); ++i) {
    Value right = evaluate(*e.operands[i + 1]);
    const Operator op = e.operators[i];
    bool holds = false;
    if (op == Operator::equal || op == Operator::not_equal) {
      holds = equal(budget, left, right) == (op == Operator::equal);
    } else if (op == Operator::in || op == Operator::not_in) {
      holds = contains(*this, right, left) == (op == Operator::in);
    } else {
      require_defined(left);
      require_defined(right);
      const int order = compare(budget, left, right);
      holds = op == Operator::less         ? order < 0
              : op == Operator::less_equal ? order <= 0
              : op == Operator::greater    ? order > 0
                                           : order >= 0;
    }
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::evaluate_slice(const Expression& e) {
  const Value base = evaluate(*e.operands[0]);
  Value bounds[3] = {None{}, None{}, None{}};
  for (int i = 0; i < 3; ++i) {
    if (e.operands[i + 1] != nullptr) bounds[i] = evaluate(*e.operands[i + 1]);
  }
  return slice(*this, base, bounds[0], bounds[1], bounds[2]);
}

Arguments Interpreter::evaluate_arguments(const ArgumentExpressions& expressions) {
  Arguments arguments;
  for (const auto& e : expressions.positional) arguments.positional.push_back(evaluate(*e));
  for (const auto& [name, e] : expressions.named) arguments.named.emplace_back(name, evaluate(*e));
  if (expressions.spread != nullptr) {
    for (const Value& item : items_of(evaluate(*expressions.spread))->items) {
      budget.step();
      arguments.positional.push_back(item);
    }
  }
  if (expressions.spread_named != nullptr) {
    const Value map = evaluate(*expressions.spread_named);
    if (as<Dict>(map) == nullptr) throw Failure("** takes a mapping");
    for (const auto& [key, value] : as<Dict>(map)->items) {
      budget.step();
      if (as_string(key) == nullptr) throw Failure("names of arguments must be strings");
      arguments.named.emplace_back(as_string(key)->text.text, value);
    }
  }
  return arguments;
}

Value Interpreter::evaluate_call(const Expression& e) {
  const Expression& callee = *e.operands[0];
  if (callee.kind == Kind::attribute) {  // a method needs no object of its own
    const Value base = evaluate(*callee.operands[0]);
    const bool attribute_first = as<Namespace>(base) != nullptr || as<Loop>(base) != nullptr;
    if (!attribute_first && has_method(base, callee.name)) {
      const Arguments arguments = evaluate_arguments(e.arguments);
      return call_method(*this, base, callee.name, arguments);
    }
    const Value function = attribute(base, callee.name);
    if (is<Undefined>(function)) fail_undefined(Undefined{&callee.name});
    return call(function, evaluate_arguments(e.arguments));
  }
  const Value function = evaluate(callee);
  require_defined(function);
  return call(function, evaluate_arguments(e.arguments));
}

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  const Depth depth(*this);
  require_defined(callee);
  if (Callable* callable = as<Callable>(callee)) return callable->call(*this, arguments);
  Loop* loop = as<Loop>(callee);
  if (loop != nullptr && loop->recurse && arguments.positional.size() == 1) {
    return loop->recurse(arguments.positional[0]);
  }
  throw Failure(std::string("a value of type ") + type_name(callee) + " cannot be called");
}

Value Interpreter::evaluate_filter(const Expression& e, const Value* subject) {
  // In a filter block the innermost filter has no operand: its subject is the block's text.
  const Expression* operand = e.operands[0].get();
  Value value;
  if (operand == nullptr) {
    value = *subject;
  } else if (subject != nullptr && operand->kind == Kind::filter) {
    value = evaluate_filter(*operand, subject);
  } else {
    value = evaluate(*operand);
  }
  return filter(e.name, value, evaluate_arguments(e.arguments));
}

bool Interpreter::evaluate_test(const Expression& e) {
  const Value subject = evaluate(*e.operands[0]);
  return test(e.name, subject, evaluate_arguments(e.arguments));
}

}  // namespace nanoflow::jinja
