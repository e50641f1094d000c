#pragma once
#include <chrono>

#include "actors/interfaces.hpp"
#include "engine/batch/batcher.hpp"

namespace nanoflow {

struct SchedulerConfig {
  Batcher::Options batcher;
  int vocab_size = 0;  // no other token id reaches the engine
  KvManagerActor kv_manager;
  ExecutorActor executor;
  std::chrono::microseconds event_pause{0};  // between two messages to a listener, at least
};

/// Owns a model's queue and running sequences. Its loop is the batcher's: propose, ask the KV
/// manager, form the step, run it on the executor; and while that runs, the same for the next step.
/// Every step ends as one message for each listener that has something in it; what comes sooner
/// than event_pause after the last messages waits for the rest of it, so that the steps of a fast
/// device share messages.
///
/// An exit message with the reason user_shutdown ends its requests (as aborted) before it leaves;
/// any other reason only ends it, and its listeners see it go down. A listener that goes down takes
/// its requests with it.
SchedulerActor spawn_scheduler(caf::actor_system& system, SchedulerConfig config);

}  // namespace nanoflow
