// How sequences and requests end, by themselves or not.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "engine/batch/batcher_state.hpp"

namespace nanoflow {

StepEvents Batcher::Impl::cancel(RequestId id, FinishReason reason, Clock::time_point now) {
  StepEvents events;
  const auto found = requests.find(id);
  if (found == requests.end()) return events;
  auto& request = *found->second;
  for (auto& choice : request.choices)
    if (choice.state != LiveSequence::State::ended) end(choice, reason, choice.n_generated(), now);
  end_request_without_live(request, now, events);
  return events;
}

StepEvents Batcher::Impl::stop(RequestId id, int choice, int n_keep, Clock::time_point now) {
  StepEvents events;
  const auto found = requests.find(id);
  if (found == requests.end()) return events;
  auto& request = *found->second;
  const auto where = "batcher: stop of request " + std::to_string(id) + ": ";
  if (choice < 0 || choice >= request.spec.n)
    throw std::logic_error(where + "expected one of " + std::to_string(request.spec.n) +
                           " choices, found " + std::to_string(choice));
  auto& sequence = request.choices[static_cast<std::size_t>(choice)];
  const bool ended = sequence.state == LiveSequence::State::ended;
  // After a cut by an earlier stop string the later one's tokens are gone already.
  if (ended && n_keep > sequence.n_generated() && sequence.reason == FinishReason::stop)
    return events;
  if (n_keep < 0 || n_keep > sequence.n_generated())
    throw std::logic_error(where + "choice " + std::to_string(choice) + " has " +
                           std::to_string(sequence.n_generated()) + " tokens, cannot keep " +
                           std::to_string(n_keep));
  if (ended) {
    sequence.reason = FinishReason::stop;
    sequence.generated.resize(static_cast<std::size_t>(n_keep));
  } else {
    end(sequence, FinishReason::stop, n_keep, now);
  }
  end_request_without_live(request, now, events);
  return events;
}

StepEvents Batcher::Impl::expire(Clock::time_point now) {
  StepEvents events;
  while (!deadlines.empty() && deadlines.begin()->first <= now) {
    auto ended = cancel(deadlines.begin()->second, FinishReason::timeout, now);
    events.finished.push_back(std::move(ended.finished.front()));
  }
  return events;
}

StepEvents Batcher::Impl::abort_all(Clock::time_point now) {
  StepEvents events;
  while (!requests_by_rank.empty()) {
    const auto id = requests_by_rank.begin()->second->spec.id;
    auto ended = cancel(id, FinishReason::aborted, now);
    events.finished.push_back(std::move(ended.finished.front()));
  }
  return events;
}

void Batcher::Impl::end(LiveSequence& sequence, FinishReason reason, int n_keep,
                        Clock::time_point now) {
  if (sequence.state == LiveSequence::State::running) {
    // A row of the newest token, or of one after it, is wasted: not for the prefix tree.
    const int of_answer = std::max(n_keep - 1, 0);
    release(sequence, std::min(sequence.n_computed, sequence.n_prompt() + of_answer));
    slots.give(sequence.slot);
    leave(sequence, now);
    starts_paused = false;
  }
  waiting.erase(sequence);
  sequence.state = LiveSequence::State::ended;
  sequence.reason = reason;
  sequence.generated.resize(static_cast<std::size_t>(n_keep));
  sequence.start_tokens = nullptr;
  sequence.speculator.reset();
  --sequence.request->n_live;
  worth_asking = true;
}

void Batcher::Impl::end_request_without_live(LiveRequest& request, Clock::time_point now,
                                             StepEvents& events) {
  if (request.n_live > 0) return;
  const auto id = request.spec.id;
  events.finished.push_back(request.finished(now));
  fair_share.ended(request.spec.client, request.turn,
                   request.spec.most_tokens() - request.n_used());
  if (!request.started) waiting.request_left(request.spec.priority);
  if (request.spec.deadline) deadlines.erase({*request.spec.deadline, id});
  requests_by_rank.erase(request.rank());
  requests.erase(id);
}

void Batcher::Impl::leave(LiveSequence& sequence, Clock::time_point now) {
  sequence.count_pages(now);
  sequence.pages = {};
  sequence.start_tokens = nullptr;
  sequence.n_computed = sequence.n_draft = 0;
  sequence.state = LiveSequence::State::waiting;
  running.erase(sequence);
  waiting.push(sequence);
}

/// Its pages go back with the next proposal; the first n_computed positions can be found again.
void Batcher::Impl::release(const LiveSequence& sequence, int n_computed) {
  releases.push_back({sequence.id, sequence.first_tokens(n_computed)});
}

}  // namespace nanoflow
