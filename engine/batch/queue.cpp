#include "engine/batch/queue.hpp"

#include <algorithm>

namespace nanoflow {

void RunningSequences::insert(LiveSequence& sequence) {
  sequences_.insert(std::lower_bound(sequences_.begin(), sequences_.end(), &sequence, ByRank{}),
                    &sequence);
}

void RunningSequences::erase(const LiveSequence& sequence) {
  const auto found = std::lower_bound(sequences_.begin(), sequences_.end(), &sequence, ByRank{});
  if (found != sequences_.end() && *found == &sequence) sequences_.erase(found);
}

void WaitingQueue::request_came(int priority) {
  ++n_by_priority_[priority];
  ++n_requests_;
}

void WaitingQueue::request_left(int priority) {
  const auto found = n_by_priority_.find(priority);
  if (--found->second == 0) n_by_priority_.erase(found);
  --n_requests_;
}

int WaitingQueue::n_ahead(int priority) const {
  int sum = 0;
  for (const auto& [of, n] : n_by_priority_) {
    if (of < priority) break;
    sum += n;
  }
  return sum;
}

}  // namespace nanoflow
