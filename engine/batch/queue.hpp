#pragma once
#include <map>
#include <set>

#include "engine/batch/sequence.hpp"

namespace nanoflow {

struct ByRank {
  bool operator()(const LiveSequence* a, const LiveSequence* b) const { return a->rank < b->rank; }
};
using RankedSequences = std::set<LiveSequence*, ByRank>;

/// Sequences that wait for a slot and pages, in rank order, and how many requests of which none has
/// started: nothing here costs more where many wait.
class WaitingQueue {
 public:
  void push(LiveSequence& sequence) { sequences_.insert(&sequence); }
  void erase(LiveSequence& sequence) { sequences_.erase(&sequence); }
  const RankedSequences& sequences() const { return sequences_; }

  void request_came(int priority);
  void request_left(int priority);  // it started, or ended before
  int n_requests() const { return n_requests_; }
  /// Requests that go before one that comes now.
  int n_ahead(int priority) const;

 private:
  RankedSequences sequences_;
  std::map<int, int, std::greater<>> n_by_priority_;
  int n_requests_ = 0;
};

}  // namespace nanoflow
