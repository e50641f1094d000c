#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/jinja_ast.hpp"

namespace nanoflow::jinja {

/// Recursive descent over Jinja's grammar, its depth bounded by limits::tree_depth. Throws
/// TemplateError.
class Parser {
 public:
  explicit Parser(std::string_view source);
  Body parse();

 private:
  class Nesting;
  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  bool at(TokenKind kind, std::string_view text) const;
  bool at_name(std::string_view name) const { return at(TokenKind::name, name); }
  bool at_op(std::string_view op) const { return at(TokenKind::op, op); }
  bool skip_name(std::string_view name);
  bool skip_op(std::string_view op);
  Token take() { return tokens_[at_ < tokens_.size() - 1 ? at_++ : at_]; }
  Token expect(TokenKind kind, std::string_view text, std::string_view what);
  void expect_op(std::string_view op) { expect(TokenKind::op, op, op); }
  std::string expect_identifier();
  void expect_block_end();
  [[noreturn]] void fail(const std::string& what) const;

  // Statements.
  Body parse_body(std::initializer_list<std::string_view> ends, std::string_view opened_by);
  std::unique_ptr<Statement> make(Statement::Kind kind, Place place);
  std::unique_ptr<Statement> parse_tag();
  std::unique_ptr<Statement> parse_if(Place place);
  std::unique_ptr<Statement> parse_for(Place place);
  std::unique_ptr<Statement> parse_set(Place place);
  std::unique_ptr<Statement> parse_macro(Place place);
  std::unique_ptr<Statement> parse_call(Place place);
  std::unique_ptr<Statement> parse_filter_block(Place place);
  std::unique_ptr<Statement> parse_with(Place place);
  std::unique_ptr<Statement> parse_loop_control(Statement::Kind kind, Place place);
  Signature parse_signature();
  void parse_macro_body(Statement& macro, std::string_view end);
  ExpressionPtr parse_target(bool allow_attribute);

  // Expressions, from the loosest to the tightest.
  ExpressionPtr node(Expression::Kind kind, Place place);
  void adopt(Expression& parent, ExpressionPtr child);
  ExpressionPtr binary(Operator op, Place place, ExpressionPtr left, ExpressionPtr right);
  ExpressionPtr parse_tuple(bool conditional = true, bool explicit_parentheses = false);
  ExpressionPtr parse_expression(bool conditional = true);
  ExpressionPtr parse_conditional();
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters = true);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr base);
  ExpressionPtr parse_filters(ExpressionPtr base);
  ExpressionPtr parse_filter(ExpressionPtr base);
  ExpressionPtr parse_test(ExpressionPtr base);
  ExpressionPtr parse_attribute(ExpressionPtr base);
  ExpressionPtr parse_subscript(ExpressionPtr base);
  ExpressionPtr parse_call_of(ExpressionPtr callee);
  void parse_arguments(Expression& call);

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int loops_ = 0;               // open loops of the current macro
  Signature* macro_ = nullptr;  // the innermost macro, to note which special names its body uses
};

/// Counts the recursion of the parser.
class Parser::Nesting {
 public:
  explicit Nesting(Parser& parser) : parser_(parser) {
    if (++parser_.depth_ > limits::tree_depth) parser_.fail("nested too deeply");
  }
  ~Nesting() { --parser_.depth_; }

 private:
  Parser& parser_;
};

}  // namespace nanoflow::jinja
