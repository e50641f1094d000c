// Lines of the log.
#pragma once
#include <string>

#include "actors/loaded_model.hpp"
#include "actors/messages.hpp"

namespace nanoflow {

std::string describe(const LoadedModel& model);
/// Never its text.
std::string describe(const RequestRecord& record);

std::string human_bytes(double bytes);  // "1.2 GiB"
std::string human_count(double count);  // "134.5 M"

}  // namespace nanoflow
