#pragma once
#include "engine/plan/profile.hpp"
#include "engine/plan/schedule.hpp"

namespace nanoflow {

/// How long the schedule's programs would take for this step, in milliseconds, by a profile: they
/// run in virtual time, each launch at the speed that it keeps beside what the other streams run at
/// that moment.
double predict_ms(const Graph& graph, const Schedule& schedule, const Step& step,
                  const Profile& profile);

/// A step of such a kind: its decoding sequences, and one prompt with the rows that are left.
Step typical_step(const BatchSignature& signature);

}  // namespace nanoflow
