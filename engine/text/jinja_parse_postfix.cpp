// What follows a primary expression: attributes, items, slices, calls, filters and tests.
#include "engine/text/jinja_parser.hpp"

namespace nanoflow::jinja {

using Kind = Expression::Kind;

ExpressionPtr Parser::parse_postfix(ExpressionPtr base) {
  while (true) {
    if (at_op(".")) {
      base = parse_attribute(std::move(base));
    } else if (at_op("[")) {
      base = parse_subscript(std::move(base));
    } else if (at_op("(")) {
      base = parse_call_of(std::move(base));
    } else {
      return base;
    }
  }
}

ExpressionPtr Parser::parse_filters(ExpressionPtr base) {
  while (true) {
    if (skip_op("|")) {
      base = parse_filter(std::move(base));
    } else if (at_name("is")) {
      base = parse_test(std::move(base));
    } else if (at_op("(")) {
      base = parse_call_of(std::move(base));
    } else {
      return base;
    }
  }
}

ExpressionPtr Parser::parse_attribute(ExpressionPtr base) {
  const Place place = take().place;
  if (current().kind == TokenKind::integer) {  // x.0
    ExpressionPtr made = node(Kind::item, place);
    adopt(*made, std::move(base));
    adopt(*made, parse_primary());
    return made;
  }
  ExpressionPtr made = node(Kind::attribute, place);
  made->name = expect_identifier();
  adopt(*made, std::move(base));
  return made;
}

ExpressionPtr Parser::parse_subscript(ExpressionPtr base) {
  const Place place = take().place;
  ExpressionPtr made = node(Kind::item, place);
  adopt(*made, std::move(base));
  const auto bound = [this]() -> ExpressionPtr {
    if (at_op(":") || at_op("]") || at_op(",")) return nullptr;
    return parse_expression();
  };
  ExpressionPtr first = bound();
  if (!at_op(":")) {
    if (first == nullptr) fail("expected an index");
    if (at_op(",")) {  // x[a, b] asks for the tuple (a, b)
      ExpressionPtr tuple = node(Kind::tuple, place);
      adopt(*tuple, std::move(first));
      while (skip_op(",")) adopt(*tuple, parse_expression());
      first = std::move(tuple);
    }
    adopt(*made, std::move(first));
  } else {
    made->kind = Kind::slice;
    adopt(*made, std::move(first));
    for (int i = 0; i < 2; ++i) adopt(*made, skip_op(":") ? bound() : nullptr);
  }
  expect_op("]");
  return made;
}

ExpressionPtr Parser::parse_call_of(ExpressionPtr callee) {
  ExpressionPtr made = node(Kind::call, current().place);
  adopt(*made, std::move(callee));
  parse_arguments(*made);
  return made;
}

void Parser::parse_arguments(Expression& call) {
  const auto argument = [&] {
    ExpressionPtr value = parse_expression();
    call.depth = std::max(call.depth, value->depth + 1);
    if (call.depth > limits::tree_depth) throw_at(call.place, "nested too deeply");
    return value;
  };
  ArgumentExpressions& arguments = call.arguments;
  expect_op("(");
  while (!at_op(")")) {
    if (skip_op("**")) {
      if (arguments.spread_named != nullptr) fail("a second ** in a call");
      arguments.spread_named = argument();
    } else if (skip_op("*")) {
      if (arguments.spread != nullptr) fail("a second * in a call");
      arguments.spread = argument();
    } else if (current().kind == TokenKind::name && ahead().kind == TokenKind::op &&
               ahead().text == "=") {
      std::string name = take().text;
      take();
      arguments.named.emplace_back(std::move(name), argument());
    } else {
      if (!arguments.named.empty() || arguments.spread_named != nullptr) {
        fail("a positional argument after a named one");
      }
      arguments.positional.push_back(argument());
    }
    if (!skip_op(",")) break;
  }
  expect_op(")");
}

ExpressionPtr Parser::parse_filter(ExpressionPtr base) {
  ExpressionPtr made = node(Kind::filter, current().place);
  made->name = expect_identifier();
  while (skip_op(".")) made->name += "." + expect_identifier();
  adopt(*made, std::move(base));
  if (at_op("(")) parse_arguments(*made);
  return made;
}

ExpressionPtr Parser::parse_test(ExpressionPtr base) {
  ExpressionPtr made = node(Kind::test, take().place);
  const bool negated = skip_name("not");
  made->name = expect_identifier();
  while (skip_op(".")) made->name += "." + expect_identifier();
  adopt(*made, std::move(base));
  const Token& token = current();
  const bool starts_value = token.kind == TokenKind::string || token.kind == TokenKind::integer ||
                            token.kind == TokenKind::real || at_op("[") || at_op("{") ||
                            (token.kind == TokenKind::name && token.text != "else" &&
                             token.text != "or" && token.text != "and");
  if (at_op("(")) {
    parse_arguments(*made);
  } else if (starts_value) {
    if (at_name("is")) fail("tests cannot be chained with is");
    const Nesting nesting(*this);
    ExpressionPtr value = parse_postfix(parse_primary());
    made->depth = std::max(made->depth, value->depth + 1);
    if (made->depth > limits::tree_depth) throw_at(made->place, "nested too deeply");
    made->arguments.positional.push_back(std::move(value));
  }
  if (!negated) return made;
  ExpressionPtr inverse = node(Kind::unary, made->place);
  inverse->operators.push_back(Operator::logical_not);
  adopt(*inverse, std::move(made));
  return inverse;
}

}  // namespace nanoflow::jinja
