// What a daemon answers to `plan`.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "client/protocol.hpp"

namespace nanoflow::cli {

/// The plan of each loaded model, by its name; where there is one model the answer is its plan, and
/// the name here empty.
std::vector<std::pair<std::string, wire::Json>> plans_by_model(const wire::Json& answer);

}  // namespace nanoflow::cli
