#include "actors/searcher.hpp"

#include <sched.h>

#include <cmath>
#include <string>
#include <utility>

#include "actors/errors.hpp"
#include "actors/log.hpp"

namespace nanoflow {
namespace {

std::string describe(const SearchOutcome& outcome) {
  const auto& [signature, result] = outcome;
  std::string text = std::to_string(result.n_tried) + " schedules were searched for batches like " +
                     std::to_string(signature.n_tokens) + " tokens, " +
                     std::to_string(signature.n_decode) + " decoding: ";
  if (result.best.empty()) return text + "none is predicted to beat sequential";
  const auto& best = result.best.front();
  return text + "'" + best.schedule.name + "' is predicted to take " +
         std::to_string(std::lround(100 * best.predicted_ms / result.sequential_ms)) +
         "% of sequential's time";
}

void search(caf::event_based_actor* self, const SearchJob& job, Threads threads) {
  end_on_exceptions(self);
  // Only what nobody else wants of a processor. The thread is this actor's own, and ends with it.
  const sched_param parameter{};
  if (threads == Threads::own) sched_setscheduler(0, SCHED_IDLE, &parameter);
  const auto outcome = std::make_shared<const SearchOutcome>(
      SearchOutcome{job.signature, search_schedules(job.space, job.signature, job.profile)});
  log(LogLevel::debug, describe(*outcome));
  self->send(job.executor, SearchOutcomePtr(outcome));
}

}  // namespace

void spawn_searcher(caf::actor_system& system, SearchJob job, Threads threads) {
  if (threads == Threads::own)
    system.spawn<caf::detached>(search, std::move(job), threads);
  else
    system.spawn(search, std::move(job), threads);
}

}  // namespace nanoflow
