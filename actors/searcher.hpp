#pragma once
#include "actors/interfaces.hpp"
#include "actors/stream.hpp"
#include "engine/plan/search.hpp"

namespace nanoflow {

struct SearchJob {
  SearchSpace space;
  BatchSignature signature;
  Profile profile;
  ExecutorActor executor;  // is told what was found
};

/// Searches for schedules, on a thread of its own at the lowest priority, tells the executor, and
/// ends.
void spawn_searcher(caf::actor_system& system, SearchJob job, Threads threads);

}  // namespace nanoflow
