// Expressions. Precedence as in Jinja's own grammar, where ~ binds tighter than + and a filter
// tighter still.
#include <charconv>
#include <limits>

#include "engine/text/jinja_parser.hpp"

namespace nanoflow::jinja {

using Kind = Expression::Kind;

ExpressionPtr Parser::node(Kind kind, Place place) {
  auto made = std::make_unique<Expression>();
  made->kind = kind;
  made->place = place;
  return made;
}

/// Left-associative chains grow a deep tree without deep recursion, so the depth is counted here
/// too.
void Parser::adopt(Expression& parent, ExpressionPtr child) {
  if (child != nullptr) {
    parent.depth = std::max(parent.depth, child->depth + 1);
    if (parent.depth > limits::tree_depth) throw_at(parent.place, "nested too deeply");
  }
  parent.operands.push_back(std::move(child));
}

ExpressionPtr Parser::binary(Operator op, Place place, ExpressionPtr left, ExpressionPtr right) {
  ExpressionPtr made = node(Kind::binary, place);
  made->operators.push_back(op);
  adopt(*made, std::move(left));
  adopt(*made, std::move(right));
  return made;
}

ExpressionPtr Parser::parse_tuple(bool conditional, bool explicit_parentheses) {
  ExpressionPtr tuple = node(Kind::tuple, current().place);
  bool comma = false;
  while (true) {
    const TokenKind kind = current().kind;
    const bool ends = kind == TokenKind::variable_end || kind == TokenKind::block_end ||
                      at_op(")") || at_op("=") || at_name("recursive");
    if (ends) break;
    adopt(*tuple, parse_expression(conditional));
    if (!skip_op(",")) break;
    comma = true;
  }
  if (comma) return tuple;
  if (!tuple->operands.empty()) return std::move(tuple->operands.front());
  if (!explicit_parentheses) fail("expected an expression, found '" + current().text + "'");
  return tuple;
}

ExpressionPtr Parser::parse_expression(bool conditional) {
  const Nesting nesting(*this);
  return conditional ? parse_conditional() : parse_or();
}

ExpressionPtr Parser::parse_conditional() {
  ExpressionPtr value = parse_or();
  while (at_name("if")) {
    ExpressionPtr made = node(Kind::conditional, take().place);
    adopt(*made, parse_or());
    adopt(*made, std::move(value));
    adopt(*made, skip_name("else") ? parse_expression() : nullptr);
    value = std::move(made);
  }
  return value;
}

ExpressionPtr Parser::parse_or() {
  ExpressionPtr left = parse_and();
  while (at_name("or")) {
    const Place place = take().place;
    left = binary(Operator::logical_or, place, std::move(left), parse_and());
  }
  return left;
}

ExpressionPtr Parser::parse_and() {
  ExpressionPtr left = parse_not();
  while (at_name("and")) {
    const Place place = take().place;
    left = binary(Operator::logical_and, place, std::move(left), parse_not());
  }
  return left;
}

ExpressionPtr Parser::parse_not() {
  if (!at_name("not")) return parse_comparison();
  const Nesting nesting(*this);
  ExpressionPtr made = node(Kind::unary, take().place);
  made->operators.push_back(Operator::logical_not);
  adopt(*made, parse_not());
  return made;
}

ExpressionPtr Parser::parse_comparison() {
  static constexpr std::pair<std::string_view, Operator> operators[] = {
      {"==", Operator::equal},      {"!=", Operator::not_equal}, {"<", Operator::less},
      {"<=", Operator::less_equal}, {">", Operator::greater},    {">=", Operator::greater_equal}};
  ExpressionPtr first = parse_sum();
  ExpressionPtr made;
  const auto add = [&](Operator op) {
    if (made == nullptr) {
      made = node(Kind::comparison, current().place);
      adopt(*made, std::move(first));
    }
    made->operators.push_back(op);
    adopt(*made, parse_sum());
  };
  while (true) {
    const Operator* found = nullptr;
    for (const auto& [text, op] : operators) {
      if (at_op(text)) found = &op;
    }
    if (found != nullptr) {
      take();
      add(*found);
    } else if (skip_name("in")) {
      add(Operator::in);
    } else if (at_name("not") && ahead().kind == TokenKind::name && ahead().text == "in") {
      take();
      take();
      add(Operator::not_in);
    } else {
      return made != nullptr ? std::move(made) : std::move(first);
    }
  }
}

ExpressionPtr Parser::parse_sum() {
  ExpressionPtr left = parse_concatenation();
  while (at_op("+") || at_op("-")) {
    const Token op = take();
    left = binary(op.text == "+" ? Operator::add : Operator::subtract, op.place, std::move(left),
                  parse_concatenation());
  }
  return left;
}

ExpressionPtr Parser::parse_concatenation() {
  ExpressionPtr first = parse_product();
  if (!at_op("~")) return first;
  ExpressionPtr made = node(Kind::concatenate, current().place);
  adopt(*made, std::move(first));
  while (skip_op("~")) adopt(*made, parse_product());
  return made;
}

ExpressionPtr Parser::parse_product() {
  ExpressionPtr left = parse_power();
  while (at_op("*") || at_op("/") || at_op("//") || at_op("%")) {
    const Token op = take();
    const Operator kind = op.text == "*"    ? Operator::multiply
                          : op.text == "/"  ? Operator::divide
                          : op.text == "//" ? Operator::floor_divide
                                            : Operator::modulo;
    left = binary(kind, op.place, std::move(left), parse_power());
  }
  return left;
}

ExpressionPtr Parser::parse_power() {
  ExpressionPtr left = parse_unary();
  while (at_op("**")) {
    const Place place = take().place;
    left = binary(Operator::power, place, std::move(left), parse_unary());
  }
  return left;
}

ExpressionPtr Parser::parse_unary(bool with_filters) {
  const Nesting nesting(*this);
  ExpressionPtr made;
  if (at_op("-") || at_op("+")) {
    const Token sign = take();
    made = node(Kind::unary, sign.place);
    made->operators.push_back(sign.text == "-" ? Operator::negate : Operator::plus);
    adopt(*made, parse_unary(false));
  } else {
    made = parse_primary();
  }
  made = parse_postfix(std::move(made));
  return with_filters ? parse_filters(std::move(made)) : std::move(made);
}

static Value number_of(const Token& token) {
  const std::string& text = token.text;
  if (token.kind == TokenKind::real) {
    double real = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), real);
    if (read.ec != std::errc::result_out_of_range) return real;
    const bool tiny = text.find("e-") != text.npos || text.starts_with("0.");
    return tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  const bool prefixed = text.size() > 2 && text[1] >= 'a';
  const int base = !prefixed ? 10 : text[1] == 'x' ? 16 : text[1] == 'o' ? 8 : 2;
  std::int64_t integer = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data() + (prefixed ? 2 : 0), end, integer, base);
  if (read.ec != std::errc()) throw_at(token.place, "the number " + text + " is too large");
  return integer;
}

ExpressionPtr Parser::parse_primary() {
  const Token& token = current();
  ExpressionPtr made = node(Kind::constant, token.place);
  if (token.kind == TokenKind::name) {
    made->name = take().text;
    const std::string& name = made->name;
    if (name == "true" || name == "True" || name == "false" || name == "False") {
      made->constant = name == "true" || name == "True";
    } else if (name == "none" || name == "None") {
      made->constant = None{};
    } else {
      made->kind = Kind::name;
      if (macro_ != nullptr) {
        macro_->uses_varargs |= name == "varargs";
        macro_->uses_kwargs |= name == "kwargs";
        macro_->uses_caller |= name == "caller";
      }
    }
    return made;
  }
  if (token.kind == TokenKind::string) {
    std::string text;
    while (current().kind == TokenKind::string) text += take().text;
    made->constant = StringRef(std::make_shared<const StringObject>(Text{std::move(text), {}}));
    return made;
  }
  if (token.kind == TokenKind::integer || token.kind == TokenKind::real) {
    made->constant = number_of(take());
    return made;
  }
  if (skip_op("(")) {
    made = parse_tuple(true, true);
    expect_op(")");
    return made;
  }
  if (at_op("[")) return parse_list();
  if (at_op("{")) return parse_dict();
  fail("expected an expression, found '" + token.text + "'");
}

ExpressionPtr Parser::parse_list() {
  ExpressionPtr made = node(Kind::list, take().place);
  while (!at_op("]")) {
    adopt(*made, parse_expression());
    if (!skip_op(",")) break;
  }
  expect_op("]");
  return made;
}

ExpressionPtr Parser::parse_dict() {
  ExpressionPtr made = node(Kind::dict, take().place);
  while (!at_op("}")) {
    adopt(*made, parse_expression());
    expect_op(":");
    adopt(*made, parse_expression());
    if (!skip_op(",")) break;
  }
  expect_op("}");
  return made;
}

}  // namespace nanoflow::jinja
