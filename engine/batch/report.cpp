// What the batcher answers to questions.
#include <algorithm>

#include "engine/batch/batcher_state.hpp"

namespace nanoflow {
namespace {

BatchSnapshot::Request describe(const LiveRequest& request, Clock::time_point now) {
  BatchSnapshot::Request result{.request = request.spec.id,
                                .priority = request.spec.priority,
                                .waiting = !request.started,
                                .prompt_tokens = request.n_prompt(),
                                .done_tokens = request.n_prompt_done(),
                                .cached_tokens = request.cached_tokens,
                                .completion_tokens = request.n_generated()};
  for (const auto& choice : request.choices) result.pages += static_cast<int>(choice.pages.size());
  const std::chrono::duration<double, std::milli> age = now - request.admitted;
  result.age_ms = std::max(0.0, age.count());
  return result;
}

}  // namespace

std::optional<Clock::time_point> Batcher::next_deadline() const {
  if (impl_->deadlines.empty()) return std::nullopt;
  return impl_->deadlines.begin()->first;
}

std::vector<Progress> Batcher::progress() const {
  std::vector<Progress> result;
  int position = 0;
  for (const auto& [rank, request] : impl_->requests_by_rank) {
    if (request->first_token) continue;
    const bool waits = !request->started;
    result.push_back({.request = request->spec.id,
                      .waiting = waits,
                      .position = waits ? position++ : 0,
                      .done_tokens = request->n_prompt_done(),
                      .prompt_tokens = request->n_prompt()});
  }
  return result;
}

BatchSnapshot Batcher::snapshot(Clock::time_point now) const {
  const auto& impl = *impl_;
  BatchSnapshot result;
  result.waiting = impl.waiting.n_requests();
  result.running = static_cast<int>(impl.requests.size()) - result.waiting;
  result.running_sequences = static_cast<int>(impl.running.size());
  for (const auto* sequence : impl.running) result.prefilling_sequences += sequence->prefilling();
  for (const auto& [rank, request] : impl.requests_by_rank)
    result.requests.push_back(describe(*request, now));
  result.steps = impl.last_step;
  result.preemptions = impl.preemptions;
  result.recoveries = impl.recoveries;
  result.wasted_rows = impl.wasted_rows;
  result.prompt_rows = impl.prompt_rows;
  result.decode_rows = impl.decode_rows;
  result.drafted = impl.drafted;
  result.accepted = impl.accepted;
  return result;
}

bool Batcher::idle() const {
  const auto& impl = *impl_;
  return impl.requests.empty() && impl.in_flight.empty() && !impl.pending &&
         impl.releases.empty() && !impl.clear_cache;
}

}  // namespace nanoflow
