// A request's line in the log.
#pragma once
#include <string>

#include "actors/messages.hpp"

namespace nanoflow {

/// Who, how much and how fast; never its text.
std::string describe(const RequestRecord& record);

}  // namespace nanoflow
