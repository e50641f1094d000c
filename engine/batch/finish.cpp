// What a step's tokens bring about.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "engine/batch/batcher_state.hpp"

namespace nanoflow {

StepEvents Batcher::Impl::finish(const StepResult& result, Clock::time_point now) {
  StepEvents events;
  if (result.number <= lost_through) return events;
  if (in_flight.empty() || in_flight.front().number != result.number)
    throw std::logic_error("batcher: result of step " + std::to_string(result.number) +
                           ", expected that of " +
                           (in_flight.empty() ? "none: nothing is in flight"
                                              : std::to_string(in_flight.front().number)));
  check_result(in_flight.front(), result);
  const StepInFlight step = std::move(in_flight.front());
  in_flight.pop_front();
  observe(step, now);
  worth_asking = true;
  auto sampled = result.sampled.begin();
  for (const auto& rows : step.sequences) {
    auto* sequence = find(rows.name);
    if (!sequence) wasted_rows += static_cast<std::uint64_t>(rows.n_rows);
    if (!rows.samples) continue;
    if (sequence) take_token(*sequence, *sampled, now, events);
    ++sampled;
  }
  return events;
}

/// A step runs from when it was formed, or the step before it ended, whichever is later.
void Batcher::Impl::observe(const StepInFlight& step, Clock::time_point now) {
  int n_rows = 0;
  for (const auto& rows : step.sequences) n_rows += rows.n_rows;
  step_cost.observe(n_rows, now - std::max(step.formed, last_finish));
  last_finish = now;
}

void Batcher::Impl::check_result(const StepInFlight& step, const StepResult& result) const {
  auto sampled = result.sampled.begin();
  bool same = true;
  for (const auto& rows : step.sequences)
    if (same && rows.samples)
      same = sampled != result.sampled.end() && sampled++->slot == rows.slot;
  if (!same || sampled != result.sampled.end())
    throw std::logic_error("batcher: step " + std::to_string(step.number) +
                           ": expected one token for each sequence that samples, in the step's "
                           "order, found " +
                           std::to_string(result.sampled.size()) + " for other slots");
}

void Batcher::Impl::take_token(LiveSequence& sequence, const StepResult::Sampled& sampled,
                               Clock::time_point now, StepEvents& events) {
  auto& request = *sequence.request;
  const auto& stops = request.spec.stop_tokens;
  --sequence.n_in_flight;
  if (sampled.token < 0) return fail(request, now, events);
  sequence.generated.push_back(sampled.token);
  if (!request.first_token) request.first_token = now;
  std::optional<FinishReason> reason;
  if (std::find(stops.begin(), stops.end(), sampled.token) != stops.end())
    reason = FinishReason::stop;
  else if (sequence.n_generated() == request.spec.max_tokens)
    reason = FinishReason::length;
  events.tokens.push_back({request.spec.id, sequence.rank.choice, sequence.n_generated() - 1,
                           sampled.token, sampled.logprobs, reason});
  if (!reason) return;
  end(sequence, *reason, sequence.n_generated(), now);
  end_request_without_live(request, now, events);
}

/// Damaged weights, mostly: the request's other choices would fare no better.
void Batcher::Impl::fail(const LiveRequest& request, Clock::time_point now, StepEvents& events) {
  auto ended = cancel(request.spec.id, FinishReason::failed, now);
  events.finished.push_back(std::move(ended.finished.front()));
}

}  // namespace nanoflow
