// Arithmetic and membership, with Python's rules for mixed types, signs and rounding.
#include <cmath>

#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

namespace {

[[noreturn]] void fail_operands(Operator op, const Value& a, const Value& b) {
  static constexpr const char* symbols[] = {"+", "-", "*", "/", "//", "%", "**"};
  throw Failure(std::string("unsupported operands for ") + symbols[static_cast<int>(op)] + ": '" +
                type_name(a) + "' and '" + type_name(b) + "'");
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  const std::int64_t quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

Value integer_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  std::int64_t result = 1;
  for (; exponent > 0; --exponent) {
    if (base == 0 || base == 1) return base;
    if (base == -1) return exponent % 2 == 0 ? result : -result;
    if (__builtin_mul_overflow(result, base, &result)) throw Failure("integer overflow");
  }
  return result;
}

Value integers(Operator op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflow = false;
  const bool divides =
      op == Operator::divide || op == Operator::floor_divide || op == Operator::modulo;
  if (divides && b == 0) throw Failure("division by zero");
  switch (op) {
    case Operator::add:
      overflow = __builtin_add_overflow(a, b, &result);
      break;
    case Operator::subtract:
      overflow = __builtin_sub_overflow(a, b, &result);
      break;
    case Operator::multiply:
      overflow = __builtin_mul_overflow(a, b, &result);
      break;
    case Operator::divide:
      return static_cast<double>(a) / static_cast<double>(b);
    case Operator::power:
      return integer_power(a, b);
    default:
      if (b == -1) {  // the smallest integer has no negative
        overflow = __builtin_sub_overflow(std::int64_t{0}, a, &result);
        if (op == Operator::modulo) return std::int64_t{0};
        break;
      }
      result = op == Operator::floor_divide ? floor_divide(a, b) : a - floor_divide(a, b) * b;
  }
  if (overflow) throw Failure("integer overflow");
  return result;
}

Value reals(Operator op, double a, double b) {
  const bool divides =
      op == Operator::divide || op == Operator::floor_divide || op == Operator::modulo;
  if (divides && b == 0) throw Failure("division by zero");
  switch (op) {
    case Operator::add:
      return a + b;
    case Operator::subtract:
      return a - b;
    case Operator::multiply:
      return a * b;
    case Operator::divide:
      return a / b;
    case Operator::floor_divide:
      return std::floor(a / b);
    case Operator::power: {
      const double result = std::pow(a, b);
      if (!std::isfinite(result) && std::isfinite(a) && std::isfinite(b)) throw Failure("overflow");
      return result;
    }
    default: {
      const double rest = std::fmod(a, b);
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : std::copysign(rest, b);
    }
  }
}

Value repeat(Interpreter& run, const Value& value, std::int64_t times) {
  const std::size_t n = times < 0 ? 0 : static_cast<std::size_t>(times);
  if (const StringObject* s = as_string(value)) {
    TextBuilder out;
    if (s->text.text.empty()) return value;
    for (std::size_t i = 0; i < n; ++i) {
      run.budget.handle_bytes(s->text.text.size() + limits::bytes_per_step / 4);
      out.append(s->text);
    }
    return run.heap.text(out.take());
  }
  const List* list = as<List>(value);
  List* out = run.heap.make<List>();
  out->tuple = list->tuple;
  if (list->items.empty()) return out;
  for (std::size_t i = 0; i < n; ++i) {
    for (const Value& item : list->items) run.heap.push(*out, item);
  }
  return out;
}

Value concatenated(Interpreter& run, const List& a, const List& b) {
  run.budget.charge((a.items.size() + b.items.size()) * sizeof(Value));
  std::vector<Value> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return run.heap.list(std::move(items), a.tuple);
}

}  // namespace

Value arithmetic(Interpreter& run, Operator op, const Value& a, const Value& b) {
  require_defined(a);
  const StringObject *left = as_string(a), *right = as_string(b);
  if (op == Operator::modulo && left != nullptr) {
    return run.heap.text(format_percent(run, left->text, b));
  }
  require_defined(b);
  if (is_number(a) && is_number(b)) {
    if (is<double>(a) || is<double>(b)) return reals(op, as_real(a), as_real(b));
    return integers(op, *as_integer(a), *as_integer(b));
  }
  if (op == Operator::add && left != nullptr && right != nullptr) {
    TextBuilder out;
    out.append(left->text);
    out.append(right->text);
    return run.heap.text(out.take());
  }
  const List *left_list = as<List>(a), *right_list = as<List>(b);
  if (op == Operator::add && left_list != nullptr && right_list != nullptr &&
      left_list->tuple == right_list->tuple) {
    return concatenated(run, *left_list, *right_list);
  }
  if (op == Operator::multiply) {
    if ((left != nullptr || left_list != nullptr) && as_integer(b))
      return repeat(run, a, *as_integer(b));
    if ((right != nullptr || right_list != nullptr) && as_integer(a)) {
      return repeat(run, b, *as_integer(a));
    }
  }
  fail_operands(op, a, b);
}

bool contains(Interpreter& run, const Value& container, const Value& needle) {
  if (const StringObject* s = as_string(container)) {
    const StringObject* part = as_string(needle);
    if (part == nullptr) {
      if (is<Undefined>(needle)) fail_undefined(needle);
      throw Failure(std::string("'in <string>' requires string as left operand, not ") +
                    type_name(needle));
    }
    run.budget.handle_bytes(s->text.text.size());
    return s->text.text.find(part->text.text) != std::string::npos;
  }
  if (const Dict* dict = as<Dict>(container)) return dict->find(needle) != nullptr;
  if (is<Undefined>(container)) return false;
  for (const Value& item : run.items_of(container)->items) {
    if (equal(run.budget, item, needle)) return true;
  }
  return false;
}

}  // namespace nanoflow::jinja
