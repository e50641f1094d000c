// Arguments, and the dispatch of methods, filters and tests by name.
#include <algorithm>

#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

Parameters::Parameters(std::string_view function, const Arguments& arguments,
                       std::initializer_list<std::string_view> names)
    : function_(function), names_(names), given_(names.size(), nullptr) {
  if (arguments.positional.size() > names.size()) {
    throw Failure(function_ + " takes at most " + std::to_string(names.size()) +
                  " arguments, not " + std::to_string(arguments.positional.size()));
  }
  for (std::size_t i = 0; i < arguments.positional.size(); ++i)
    given_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) throw Failure(function_ + " has no argument '" + name + "'");
    const Value*& slot = given_[static_cast<std::size_t>(found - names_.begin())];
    if (slot != nullptr) throw Failure(function_ + " got two values for '" + name + "'");
    slot = &value;
  }
}

const Value& Parameters::value(std::size_t i) const {
  if (!has(i)) throw Failure(function_ + " needs the argument '" + std::string(names_[i]) + "'");
  return *given_[i];
}

std::int64_t Parameters::integer(std::size_t i) const {
  const auto integer = as_integer(value(i));
  if (integer) return *integer;
  require_defined(value(i));
  throw Failure(function_ + ": '" + std::string(names_[i]) + "' must be an integer, not " +
                type_name(value(i)));
}

const Text& Parameters::text(std::size_t i) const {
  if (const StringObject* s = as_string(value(i))) return s->text;
  require_defined(value(i));
  throw Failure(function_ + ": '" + std::string(names_[i]) + "' must be a string, not " +
                type_name(value(i)));
}

static bool listed(std::initializer_list<std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool has_method(const Value& value, std::string_view name) {
  if (as_string(value) != nullptr) {
    return listed(
        {"capitalize", "casefold",   "center",     "count",        "endswith",     "find",
         "format",     "index",      "isalnum",    "isalpha",      "isdecimal",    "isdigit",
         "islower",    "isnumeric",  "isspace",    "isupper",      "join",         "ljust",
         "lower",      "lstrip",     "partition",  "removeprefix", "removesuffix", "replace",
         "rfind",      "rindex",     "rjust",      "rpartition",   "rsplit",       "rstrip",
         "split",      "splitlines", "startswith", "strip",        "swapcase",     "title",
         "upper",      "zfill"},
        name);
  }
  if (const List* list = as<List>(value)) {
    if (listed({"count", "index"}, name)) return true;
    return !list->tuple && listed({"append", "clear", "copy", "extend", "insert", "pop", "remove",
                                   "reverse", "sort"},
                                  name);
  }
  if (as<Dict>(value) != nullptr) {
    return listed({"clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault",
                   "update", "values"},
                  name);
  }
  return as<Loop>(value) != nullptr && listed({"cycle", "changed"}, name);
}

Value call_method(Interpreter& run, const Value& self, const std::string& name,
                  const Arguments& arguments) {
  run.budget.step();
  if (as_string(self) != nullptr) {
    run.budget.handle_bytes(as_string(self)->text.text.size());
    return call_string_method(run, self, name, arguments);
  }
  return call_container_method(run, self, name, arguments);
}

Value BoundMethod::call(Interpreter& run, const Arguments& arguments) {
  return call_method(run, self, name, arguments);
}

Value Interpreter::filter(const std::string& name, const Value& subject,
                          const Arguments& arguments) {
  budget.step();
  if (const StringObject* s = as_string(subject)) budget.handle_bytes(s->text.text.size());
  for (const FilterTable* table : {&text_filters(), &list_filters(), &select_filters()}) {
    const auto found = table->find(name);
    if (found != table->end()) return found->second(*this, subject, arguments);
  }
  throw Failure("no filter named '" + name + "'");
}

}  // namespace nanoflow::jinja
