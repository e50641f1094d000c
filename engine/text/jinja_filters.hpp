#pragma once
#include "engine/text/jinja_interpreter.hpp"

namespace nanoflow::jinja {

/// What sort and unique compare by: strings in lower case, unless asked otherwise.
Value comparable(Interpreter& run, const Value& value, bool case_sensitive);
/// The value of an attribute path, as in map(attribute="function.name") or a list's index;
/// `otherwise` stands for what is missing anywhere on it.
Value at_path(Interpreter& run, const Value& value, const Value& path,
              const Value* otherwise = nullptr);

}  // namespace nanoflow::jinja
