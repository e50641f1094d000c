// The schedules that a daemon's `plan` explains, as they ran.
#pragma once
#include "client/cli/timeline.hpp"
#include "client/protocol.hpp"

namespace nanoflow::cli {

/// One chart for each of the plan's `timelines`. kinds: of the first so many kinds of batch only;
/// the first is the one that most steps were of.
std::vector<Timeline> plan_timelines(const wire::Json& plan, std::size_t kinds);

}  // namespace nanoflow::cli
