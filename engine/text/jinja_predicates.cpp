// The tests of `is` and `is not`.
#include <algorithm>

#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

namespace {

using Predicate = bool (*)(Interpreter& run, const Value& subject, const Value& argument);

struct Test {
  int n_arguments;
  Predicate holds;
};

std::int64_t whole(const Value& value) {
  require_defined(value);
  const auto integer = as_integer(value);
  if (!integer) throw Failure("the test takes an integer");
  return *integer;
}

std::int64_t modulo(const Value& value, const Value& by) {
  const std::int64_t divisor = whole(by);
  if (divisor == 0) throw Failure("division by zero");
  return divisor == -1 ? 0 : whole(value) % divisor;
}

template <int sign, bool or_equal>
bool ordered(Interpreter& run, const Value& a, const Value& b) {
  require_defined(a);
  require_defined(b);
  const int order = compare(run.budget, a, b);
  return (or_equal && order == 0) || order * sign > 0;
}

template <char32_t (*fold)(char32_t)>
bool all_folded(Interpreter& run, const Value& a, const Value&) {
  const Text text = run.text_of(a);
  bool cased = false;
  for (std::size_t at = 0; at < text.text.size(); at += decode(text.text, at).size) {
    const char32_t c = decode(text.text, at).value;
    if (fold(c) != c) return false;
    cased |= is_cased(c);
  }
  return cased;
}

bool same_object(Interpreter& run, const Value& a, const Value& b) {
  const bool container = as<List>(a) != nullptr || as<Dict>(a) != nullptr;
  if (!container) return a.index() == b.index() && equal(run.budget, a, b);
  return as<List>(a) == as<List>(b) && as<Dict>(a) == as<Dict>(b);
}

#define NANOFLOW_TEST_OF(expression)                             \
  [](Interpreter& run, const Value& a, const Value& b) -> bool { \
    static_cast<void>(run), static_cast<void>(b);                \
    return expression;                                           \
  }

const std::unordered_map<std::string_view, Test>& tests() {
  static const Test equals = {1, NANOFLOW_TEST_OF(equal(run.budget, a, b))};
  static const Test differs = {1, NANOFLOW_TEST_OF(!equal(run.budget, a, b))};
  static const Test less = {1, ordered<-1, false>}, less_equal = {1, ordered<-1, true>};
  static const Test greater = {1, ordered<1, false>}, greater_equal = {1, ordered<1, true>};
  static const std::unordered_map<std::string_view, Test> table = {
      {"defined", {0, NANOFLOW_TEST_OF(!is<Undefined>(a))}},
      {"undefined", {0, NANOFLOW_TEST_OF(is<Undefined>(a))}},
      {"none", {0, NANOFLOW_TEST_OF(is<None>(a))}},
      {"string", {0, NANOFLOW_TEST_OF(is<StringRef>(a))}},
      {"number", {0, NANOFLOW_TEST_OF(is_number(a))}},
      {"integer", {0, NANOFLOW_TEST_OF(is<std::int64_t>(a))}},
      {"float", {0, NANOFLOW_TEST_OF(is<double>(a))}},
      {"boolean", {0, NANOFLOW_TEST_OF(is<bool>(a))}},
      {"true", {0, NANOFLOW_TEST_OF(is<bool>(a) && std::get<bool>(a))}},
      {"false", {0, NANOFLOW_TEST_OF(is<bool>(a) && !std::get<bool>(a))}},
      {"mapping", {0, NANOFLOW_TEST_OF(as<Dict>(a) != nullptr)}},
      {"sequence",
       {0, NANOFLOW_TEST_OF(is<Undefined>(a) || is<StringRef>(a) || is<List*>(a) || is<Dict*>(a))}},
      {"iterable",
       {0, NANOFLOW_TEST_OF(is<Undefined>(a) || is<StringRef>(a) || is<List*>(a) || is<Dict*>(a) ||
                            is<Loop*>(a))}},
      {"callable", {0, NANOFLOW_TEST_OF(as<Callable>(a) != nullptr)}},
      {"odd", {0, NANOFLOW_TEST_OF(whole(a) % 2 != 0)}},
      {"even", {0, NANOFLOW_TEST_OF(whole(a) % 2 == 0)}},
      {"divisibleby", {1, NANOFLOW_TEST_OF(modulo(a, b) == 0)}},
      {"upper", {0, all_folded<to_upper>}},
      {"lower", {0, all_folded<to_lower>}},
      {"in", {1, NANOFLOW_TEST_OF(contains(run, b, a))}},
      {"sameas", {1, same_object}},
      {"escaped", {0, NANOFLOW_TEST_OF(false && truthy(a))}},
      {"equalto", equals},
      {"eq", equals},
      {"==", equals},
      {"ne", differs},
      {"!=", differs},
      {"lt", less},
      {"lessthan", less},
      {"<", less},
      {"le", less_equal},
      {"<=", less_equal},
      {"gt", greater},
      {"greaterthan", greater},
      {">", greater},
      {"ge", greater_equal},
      {">=", greater_equal}};
  return table;
}

#undef NANOFLOW_TEST_OF

}  // namespace

bool Interpreter::test(const std::string& name, const Value& subject, const Arguments& arguments) {
  budget.step();
  if (name == "filter" || name == "test") {  // whether there is one of that name
    const StringObject* asked = as_string(subject);
    const std::string_view what = asked != nullptr ? std::string_view(asked->text.text) : "";
    if (name == "test") return tests().contains(what);
    return text_filters().contains(what) || list_filters().contains(what) ||
           select_filters().contains(what);
  }
  const auto found = tests().find(name);
  if (found == tests().end()) throw Failure("no test named '" + name + "'");
  const auto n = static_cast<std::size_t>(found->second.n_arguments);
  if (arguments.positional.size() + arguments.named.size() != n) {
    throw Failure("the test '" + name + "' takes " + std::to_string(n) + " arguments");
  }
  const Value none = None{};
  const Value& argument = n == 0                         ? none
                          : arguments.positional.empty() ? arguments.named[0].second
                                                         : arguments.positional[0];
  return found->second.holds(*this, subject, argument);
}

}  // namespace nanoflow::jinja
