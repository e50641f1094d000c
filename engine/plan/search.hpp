// A schedule for a kind of batch, searched for by what was measured.
#pragma once
#include <string>
#include <vector>

#include "engine/plan/profile.hpp"
#include "engine/plan/schedule.hpp"

namespace nanoflow {

struct SearchSpace {
  Graph graph;
  std::vector<std::string> streams;  // two
  int n_cpus = 2;                    // a stream's share is some of them
};

struct FoundSchedule {
  Schedule schedule;
  double predicted_ms = 0;  // of a step of the kind (typical_step)
};

struct SearchResult {
  std::vector<FoundSchedule> best;  // clearly faster than sequential; ascending, at most n_best
  double sequential_ms = 0;
  int n_tried = 0;  // schedules that were run in virtual time
};

/// Goes through all overlaps of a grid (see Overlap): two nano-batches of many sizes, three and
/// four equal ones; whole nano-batches side by side, or attention apart; and every share of the
/// processors, or eight of them. Each is predicted for a few of the model's layers, the best ones
/// then for all. Some hundred schedules, a second or so at most. A nano-batch has two rows at
/// least.
SearchResult search_schedules(const SearchSpace& space, const BatchSignature& signature,
                              const Profile& profile, int n_best = 2);

}  // namespace nanoflow
