#pragma once
#include <map>
#include <set>
#include <vector>

#include "engine/batch/sequence.hpp"

namespace nanoflow {

struct ByRank {
  bool operator()(const LiveSequence* a, const LiveSequence* b) const { return a->rank < b->rank; }
};
using RankedSequences = std::set<LiveSequence*, ByRank>;

/// Sequences that have a slot and pages, in rank order. Every step goes through them.
class RunningSequences {
 public:
  void insert(LiveSequence& sequence);
  void erase(const LiveSequence& sequence);  // if it is there
  auto begin() const { return sequences_.begin(); }
  auto end() const { return sequences_.end(); }
  LiveSequence& last() const { return *sequences_.back(); }  // the lowest rank
  std::size_t size() const { return sequences_.size(); }
  bool empty() const { return sequences_.empty(); }

 private:
  std::vector<LiveSequence*> sequences_;
};

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
