// The tags of a template.
#include "engine/text/jinja_parser.hpp"

namespace nanoflow::jinja {

using Kind = Statement::Kind;

Parser::Parser(std::string_view source) {
  if (source.size() > limits::source_bytes) {
    throw TemplateError("chat template: " + std::to_string(source.size()) + " bytes, at most " +
                        std::to_string(limits::source_bytes) + " are taken");
  }
  tokens_ = tokenize(source);
}

void Parser::fail(const std::string& what) const {
  throw_at(current().place, what);
}

bool Parser::at(TokenKind kind, std::string_view text) const {
  return current().kind == kind && current().text == text;
}

bool Parser::skip_name(std::string_view name) {
  return at_name(name) && (++at_, true);
}
bool Parser::skip_op(std::string_view op) {
  return at_op(op) && (++at_, true);
}

Token Parser::expect(TokenKind kind, std::string_view text, std::string_view what) {
  if (!at(kind, text)) {
    fail("expected '" + std::string(what) + "', found '" + current().text + "'");
  }
  return take();
}

std::string Parser::expect_identifier() {
  if (current().kind != TokenKind::name) fail("expected a name, found '" + current().text + "'");
  return take().text;
}

void Parser::expect_block_end() {
  if (current().kind != TokenKind::block_end) {
    fail("expected the end of the block, found '" + current().text + "'");
  }
  take();
}

std::unique_ptr<Statement> Parser::make(Kind kind, Place place) {
  auto made = std::make_unique<Statement>();
  made->kind = kind;
  made->place = place;
  return made;
}

Body Parser::parse() {
  return parse_body({}, "");
}

/// Everything until a tag named in `ends`, whose name becomes the current token.
Body Parser::parse_body(std::initializer_list<std::string_view> ends, std::string_view opened_by) {
  const Nesting nesting(*this);
  Body body;
  while (true) {
    const Token& token = current();
    if (token.kind == TokenKind::end) {
      if (ends.size() == 0) return body;
      fail("the template ends inside " + std::string(opened_by));
    }
    if (token.kind == TokenKind::data) {
      body.push_back(make(Kind::data, token.place));
      body.back()->text = StringRef(std::make_shared<const StringObject>(Text{take().text, {}}));
    } else if (token.kind == TokenKind::variable_begin) {
      body.push_back(make(Kind::output, take().place));
      body.back()->value = parse_tuple();
      if (current().kind != TokenKind::variable_end) {
        fail("expected the end of the expression, found '" + current().text + "'");
      }
      take();
    } else {
      take();  // block_begin
      for (const std::string_view end : ends) {
        if (at_name(end)) return body;
      }
      if (auto statement = parse_tag()) body.push_back(std::move(statement));
    }
  }
}

std::unique_ptr<Statement> Parser::parse_tag() {
  const Place place = current().place;
  const std::string tag = expect_identifier();
  if (tag == "if") return parse_if(place);
  if (tag == "for") return parse_for(place);
  if (tag == "set") return parse_set(place);
  if (tag == "macro") return parse_macro(place);
  if (tag == "call") return parse_call(place);
  if (tag == "filter") return parse_filter_block(place);
  if (tag == "with") return parse_with(place);
  if (tag == "break") return parse_loop_control(Kind::loop_break, place);
  if (tag == "continue") return parse_loop_control(Kind::loop_continue, place);
  if (tag == "generation") {  // marks the assistant's text for training; only its scope matters
    auto made = make(Kind::scope, place);
    expect_block_end();
    made->body = parse_body({"endgeneration"}, "generation");
    take();
    expect_block_end();
    return made;
  }
  if (tag == "print") {
    auto made = make(Kind::output, place);
    made->value = node(Expression::Kind::concatenate, place);
    do {
      adopt(*made->value, parse_expression());
    } while (skip_op(","));
    expect_block_end();
    return made;
  }
  throw_at(place, "unknown tag '" + tag + "'");
}

std::unique_ptr<Statement> Parser::parse_if(Place place) {
  auto made = make(Kind::condition, place);
  while (true) {
    Statement::Branch branch;
    const bool last = made->branches.size() > 0 && skip_name("else");
    if (!last) {
      if (!made->branches.empty()) take();  // elif
      branch.condition = parse_tuple(false);
    }
    expect_block_end();
    branch.body = last ? parse_body({"endif"}, "if") : parse_body({"elif", "else", "endif"}, "if");
    made->branches.push_back(std::move(branch));
    if (skip_name("endif")) break;
  }
  expect_block_end();
  return made;
}

std::unique_ptr<Statement> Parser::parse_for(Place place) {
  auto made = make(Kind::loop, place);
  made->target = parse_target(false);
  expect(TokenKind::name, "in", "in");
  made->value = parse_tuple(false);
  if (skip_name("if")) made->condition = parse_expression();
  made->recursive = skip_name("recursive");
  expect_block_end();
  ++loops_;
  made->body = parse_body({"else", "endfor"}, "for");
  --loops_;
  if (skip_name("else")) {
    expect_block_end();
    made->otherwise = parse_body({"endfor"}, "for");
  }
  take();
  expect_block_end();
  return made;
}

std::unique_ptr<Statement> Parser::parse_loop_control(Kind kind, Place place) {
  if (loops_ == 0) throw_at(place, "break or continue outside of a loop");
  expect_block_end();
  return make(kind, place);
}

/// A name, a tuple of targets, or ns.attribute.
ExpressionPtr Parser::parse_target(bool allow_attribute) {
  const Nesting nesting(*this);
  ExpressionPtr tuple = node(Expression::Kind::tuple, current().place);
  bool comma = false;
  while (!at_op("=") && !at_op(")") && !at_name("in")) {
    ExpressionPtr one;
    if (skip_op("(")) {
      one = parse_target(allow_attribute);
      expect_op(")");
    } else {
      one = node(Expression::Kind::name, current().place);
      one->name = expect_identifier();
      static constexpr std::string_view reserved[] = {"true", "false", "none",
                                                      "True", "False", "None"};
      for (const std::string_view name : reserved) {
        if (one->name == name) throw_at(one->place, "cannot assign to '" + one->name + "'");
      }
      if (allow_attribute && at_op(".")) one = parse_attribute(std::move(one));
    }
    adopt(*tuple, std::move(one));
    if (!skip_op(",")) break;
    comma = true;
  }
  if (tuple->operands.empty()) fail("expected a name, found '" + current().text + "'");
  return comma ? std::move(tuple) : std::move(tuple->operands.front());
}

std::unique_ptr<Statement> Parser::parse_set(Place place) {
  auto made = make(Kind::assignment, place);
  made->target = parse_target(true);
  if (skip_op("=")) {
    made->value = parse_tuple();
    expect_block_end();
    return made;
  }
  made->kind = Kind::block_capture;
  while (skip_op("|")) made->value = parse_filter(std::move(made->value));
  expect_block_end();
  made->body = parse_body({"endset"}, "set");
  take();
  expect_block_end();
  return made;
}

Signature Parser::parse_signature() {
  Signature signature;
  expect_op("(");
  while (!at_op(")")) {
    if (!signature.names.empty()) expect_op(",");
    signature.names.push_back(expect_identifier());
    if (skip_op("=")) {
      signature.defaults.push_back(parse_expression());
    } else if (!signature.defaults.empty()) {
      fail("an argument without default after one with a default");
    }
  }
  expect_op(")");
  return signature;
}

/// A body that is called later: loops outside of it cannot be broken from inside.
void Parser::parse_macro_body(Statement& macro, std::string_view end) {
  expect_block_end();
  Signature* outer = std::exchange(macro_, &macro.signature);
  const int loops = std::exchange(loops_, 0);
  macro.body = parse_body({end}, end.substr(3));
  macro_ = outer;
  loops_ = loops;
  take();
  expect_block_end();
}

std::unique_ptr<Statement> Parser::parse_macro(Place place) {
  auto made = make(Kind::macro, place);
  made->name = expect_identifier();
  made->signature = parse_signature();
  parse_macro_body(*made, "endmacro");
  return made;
}

std::unique_ptr<Statement> Parser::parse_call(Place place) {
  auto made = make(Kind::call_block, place);
  if (at_op("(")) made->signature = parse_signature();
  made->value = parse_expression();
  if (made->value->kind != Expression::Kind::call) throw_at(place, "expected a call");
  parse_macro_body(*made, "endcall");
  return made;
}

std::unique_ptr<Statement> Parser::parse_filter_block(Place place) {
  auto made = make(Kind::filter_block, place);
  do {
    made->value = parse_filter(std::move(made->value));
  } while (skip_op("|"));
  expect_block_end();
  made->body = parse_body({"endfilter"}, "filter");
  take();
  expect_block_end();
  return made;
}

std::unique_ptr<Statement> Parser::parse_with(Place place) {
  auto made = make(Kind::with, place);
  while (current().kind != TokenKind::block_end) {
    ExpressionPtr target = parse_target(false);
    expect_op("=");
    made->bindings.emplace_back(std::move(target), parse_expression());
    if (!skip_op(",")) break;
  }
  expect_block_end();
  made->body = parse_body({"endwith"}, "with");
  take();
  expect_block_end();
  return made;
}

}  // namespace nanoflow::jinja
