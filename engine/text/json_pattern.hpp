#pragma once
#include <string>

#include "engine/text/json_fields.hpp"

namespace nanoflow::text {

/// A step's pattern, {"Regex": ...} or {"String": ...}, as a regular expression.
std::string read_pattern(const JsonObject& step);

}  // namespace nanoflow::text
