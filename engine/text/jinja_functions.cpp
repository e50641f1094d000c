// What a template may call: range, namespace, dict, joiner, raise_exception and strftime_now.
#include <ctime>

#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

namespace {

Value range_function(Interpreter& run, const Arguments& arguments) {
  const Parameters p("range", arguments, {"start", "stop", "step"});
  const bool one = !p.has(1);
  const std::int64_t start = one ? 0 : p.integer(0), stop = one ? p.integer(0) : p.integer(1);
  const std::int64_t step = p.integer(2, 1);
  if (step == 0) throw Failure("range: the step must not be zero");
  List* out = run.heap.make<List>();
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (out->items.size() == limits::range_items) {
      throw Failure("range: more than " + std::to_string(limits::range_items) + " items");
    }
    run.heap.push(*out, i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return out;
}

void fill(Interpreter& run, Dict& dict, const Arguments& arguments) {
  if (arguments.positional.size() > 1) throw Failure("dict and namespace take one mapping");
  if (!arguments.positional.empty()) {
    const Value& from = arguments.positional[0];
    if (const Dict* other = as<Dict>(from)) {
      for (const auto& [key, value] : other->items) dict.set(run.budget, key, value);
    } else {
      for (const Value& item : run.items_of(from)->items) {
        const List* pair = run.items_of(item);
        if (pair->items.size() != 2) throw Failure("dict: expected pairs");
        dict.set(run.budget, pair->items[0], pair->items[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named)
    dict.set(run.budget, run.heap.text(name), value);
}

Value dict_function(Interpreter& run, const Arguments& arguments) {
  Dict* dict = run.heap.make<Dict>();
  fill(run, *dict, arguments);
  return dict;
}

Value namespace_function(Interpreter& run, const Arguments& arguments) {
  Namespace* space = run.heap.make<Namespace>();
  fill(run, space->attributes, arguments);
  return space;
}

Value raise_function(Interpreter& run, const Arguments& arguments) {
  const Parameters p("raise_exception", arguments, {"message"});
  throw Failure(run.text_of(p.value(0)).text);
}

Value strftime_function(Interpreter& run, const Arguments& arguments) {
  const Parameters p("strftime_now", arguments, {"format"});
  const std::string& format = p.text(0).text;
  if (format.empty()) return run.heap.text(std::string_view());
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char buffer[1024];
  // strftime says 0 for an overflow and for an empty result alike; a space in front tells them
  // apart.
  const std::size_t n = std::strftime(buffer, sizeof buffer, (" " + format).c_str(), &local);
  if (n == 0) throw Failure("strftime_now: the result is too long");
  return run.heap.text(std::string_view(buffer + 1, n - 1));
}

struct Joiner : Callable {
  Value call(Interpreter&, const Arguments&) override {
    return std::exchange(used, true) ? separator : empty;
  }
  Value separator, empty;
  bool used = false;
};

Value joiner_function(Interpreter& run, const Arguments& arguments) {
  const Parameters p("joiner", arguments, {"sep"});
  Joiner* joiner = run.heap.make<Joiner>();
  joiner->separator = p.value_or(0, run.heap.text(", "));
  joiner->empty = run.heap.text(std::string_view());
  return joiner;
}

}  // namespace

void define_functions(Interpreter& run) {
  static constexpr std::pair<const char*, Function::Body> functions[] = {
      {"range", range_function},           {"dict", dict_function},
      {"namespace", namespace_function},   {"raise_exception", raise_function},
      {"strftime_now", strftime_function}, {"joiner", joiner_function}};
  for (const auto& [name, body] : functions) run.define(name, run.heap.make<Function>(body));
}

}  // namespace nanoflow::jinja
