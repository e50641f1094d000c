#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/text/jinja_lexer.hpp"
#include "engine/text/jinja_value.hpp"

namespace nanoflow::jinja {

enum class Operator {
  // clang-format off
  add, subtract, multiply, divide, floor_divide, modulo, power, negate, plus,
  logical_not, logical_and, logical_or,
  equal, not_equal, less, less_equal, greater, greater_equal, in, not_in,
  // clang-format on
};

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct ArgumentExpressions {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr spread, spread_named;  // *list and **map
};

struct Expression {
  enum class Kind {
    constant,
    name,         // name
    list,         // operands
    tuple,        // operands
    dict,         // operands: key, value, key, value, ...
    unary,        // operators[0] operands[0]
    binary,       // operands[0] operators[0] operands[1]; also and, or
    comparison,   // operands[0] operators[0] operands[1] operators[1] operands[2] ...
    concatenate,  // operands, ~
    conditional,  // operands: condition, value, and the other value or null
    attribute,    // operands[0].name
    item,         // operands[0][operands[1]]
    slice,        // operands[0][operands[1]:operands[2]:operands[3]], bounds may be null
    call,         // operands[0](arguments)
    filter,       // operands[0] | name(arguments); operands[0] is null in a filter block
    test          // operands[0] is name(arguments)
  };
  Kind kind;
  Place place;
  int depth = 1;
  std::string name;
  Value constant;
  std::vector<Operator> operators;
  std::vector<ExpressionPtr> operands;
  ArgumentExpressions arguments;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

/// What a macro takes: names, with defaults for the last ones.
struct Signature {
  std::vector<std::string> names;
  std::vector<ExpressionPtr> defaults;  // of the last defaults.size() names
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
};

struct Statement {
  enum class Kind {
    data,           // text
    output,         // value
    condition,      // branches; the last one's condition is null for else
    loop,           // target, value, condition (may be null), body, otherwise
    assignment,     // target = value
    block_capture,  // target = body, through the filter in value (may be null)
    macro,          // name, signature, body
    call_block,     // value is the call; signature, body are its caller
    filter_block,   // value is the filter, body
    with,           // targets = values, body
    scope,          // body
    loop_break,
    loop_continue
  };
  struct Branch {
    ExpressionPtr condition;
    Body body;
  };
  Kind kind;
  Place place;
  std::string name;
  Value text;
  ExpressionPtr target, value, condition;
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> bindings;
  std::vector<Branch> branches;
  Signature signature;
  Body body, otherwise;
  bool recursive = false;
};

}  // namespace nanoflow::jinja
