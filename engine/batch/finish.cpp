// What a step's tokens bring about.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "engine/batch/batcher_state.hpp"

namespace nanoflow {
namespace {

using SampledPlace = std::vector<StepResult::Sampled>::const_iterator;

/// Past the tokens of the sequence whose first one this is.
SampledPlace end_of_slot(SampledPlace first, SampledPlace end) {
  return std::find_if(first, end, [&](const auto& each) { return each.slot != first->slot; });
}

}  // namespace

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
  worth_asking = true;
  if (result.ms > 0) {
    step_cost.observe(step.n_rows, result.ms);
    if (step.n_decoding == std::ssize(step.sequences))
      draft_cost.observe(step.n_decoding, step.n_draft, result.ms);
  }
  events.tokens.reserve(result.sampled.size());
  auto sampled = result.sampled.begin();
  for (const auto& rows : step.sequences) {
    auto* sequence = find(rows.name);
    if (!sequence) wasted_rows += static_cast<std::uint64_t>(rows.n_rows);
    if (!rows.samples) continue;
    const auto first = sampled;
    sampled = end_of_slot(first, result.sampled.end());
    drafted += static_cast<std::uint64_t>(rows.n_draft);
    if (sequence) take_tokens(*sequence, {first, sampled}, now, events);
  }
  return events;
}

void Batcher::Impl::check_result(const StepInFlight& step, const StepResult& result) const {
  auto sampled = result.sampled.begin();
  const auto end = result.sampled.end();
  bool same = true;
  for (const auto& rows : step.sequences) {
    if (!same || !rows.samples) continue;
    const auto first = sampled;
    sampled = end_of_slot(first, end);
    same = first != end && first->slot == rows.slot && sampled - first <= 1 + rows.n_draft;
  }
  if (!same || sampled != end)
    throw std::logic_error("batcher: step " + std::to_string(step.number) +
                           ": expected a token for each sequence that samples, in the step's "
                           "order, and at most one more for each guess, found " +
                           std::to_string(result.sampled.size()) + " that are not");
}

void Batcher::Impl::take_tokens(LiveSequence& sequence,
                                std::span<const StepResult::Sampled> sampled, Clock::time_point now,
                                StepEvents& events) {
  --sequence.n_in_flight;
  sequence.n_draft = 0;
  const int n_right = static_cast<int>(sampled.size()) - 1;
  accepted += static_cast<std::uint64_t>(n_right);
  decode_rows += static_cast<std::uint64_t>(n_right);
  // The rows of right guesses are computed; of one that was preempted nothing is.
  if (sequence.state == LiveSequence::State::running) sequence.n_computed += n_right;
  for (const auto& each : sampled)
    if (!take_token(sequence, each, now, events)) return;  // nor does its request live, perhaps
}

/// False: it was the sequence's last one.
bool Batcher::Impl::take_token(LiveSequence& sequence, const StepResult::Sampled& sampled,
                               Clock::time_point now, StepEvents& events) {
  auto& request = *sequence.request;
  const auto& stops = request.spec.stop_tokens;
  if (sampled.token < 0) {
    fail(request, now, events);
    return false;
  }
  sequence.generated.push_back(sampled.token);
  if (!request.first_token) request.first_token = now;
  std::optional<FinishReason> reason;
  if (std::find(stops.begin(), stops.end(), sampled.token) != stops.end())
    reason = FinishReason::stop;
  else if (sequence.n_generated() == request.spec.max_tokens)
    reason = FinishReason::length;
  events.tokens.push_back({request.spec.id, sequence.rank.choice, sequence.n_generated() - 1,
                           sampled.token, sampled.logprobs, reason});
  if (!reason) return true;
  end(sequence, *reason, sequence.n_generated(), now);
  end_request_without_live(request, now, events);
  return false;
}

/// Damaged weights, mostly: the request's other choices would fare no better.
void Batcher::Impl::fail(const LiveRequest& request, Clock::time_point now, StepEvents& events) {
  auto ended = cancel(request.spec.id, FinishReason::failed, now);
  events.finished.push_back(std::move(ended.finished.front()));
}

}  // namespace nanoflow
