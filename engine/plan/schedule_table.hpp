// Which schedule runs a step: tried, measured, and never taken on trust.
#pragma once
#include <cstdint>
#include <map>
#include <tuple>
#include <vector>

#include "engine/plan/profile.hpp"
#include "engine/plan/schedule.hpp"

namespace nanoflow {

/// Signatures that are treated alike: each number rounded up to a power of two.
struct SignatureBucket {
  int tokens = 0, decoding = 0, mean_context = 0;
  auto operator<=>(const SignatureBucket&) const = default;
};
SignatureBucket bucket_of(const BatchSignature& signature);

/// A model's schedules, and which one is chosen for a batch.
///
/// A kind of batch that is new runs each candidate in turn for a few steps; one that comes again
/// and again gets further candidates of its own, which someone searches for. One that is clearly
/// slower drops out early. The fastest is kept if it beats sequential by more than noise, and is
/// held against it again every few hundred steps. Times are compared per unit of a step's work,
/// since the steps of a bucket differ.
class ScheduleTable {
 public:
  /// candidates: the first is sequential.
  ScheduleTable(Graph graph, std::vector<Schedule> candidates);

  /// From now on, what is predicted to be clearly slower than the fastest is not even tried; but
  /// whatever is predicted, the most promising one is.
  void use(const Profile& profile);

  /// That were given first, and all that were found since.
  const std::vector<Schedule>& candidates() const { return candidates_; }
  const Profile& profile() const { return profile_; }
  /// True once for each kind of batch that is worth a search: it has come often enough, and there
  /// is a profile.
  bool wants_search(const BatchSignature& signature);
  /// A schedule for batches of this kind, with what a step was predicted to take.
  void add(const BatchSignature& signature, Schedule schedule, double predicted_ms);
  /// The candidate that runs the next step of this kind.
  int choose(const BatchSignature& signature);
  /// It took so long. work: what a step's time should be in proportion to, in any unit.
  void observe(const BatchSignature& signature, int candidate, double ms, double work);

  struct Observed {
    std::uint64_t chosen = 0, steps = 0;  // chosen: how often; steps: that have ended
    double total_ms = 0;
    std::vector<double> costs;  // the newest, ms for a unit of work; a ring
    double predicted_ms = 0;    // for the first step of this kind; 0 without a profile
    bool dropped = false;       // not to be tried, or not any more
    double median() const;      // of the costs; 0 without any
  };
  struct Entry {
    BatchSignature first;            // the first of this kind
    std::vector<Observed> observed;  // [candidates]
    int best = 0;
    double gain = 1;  // sequential's cost over the best one's, when it was last judged
    bool decided = false;
    std::uint64_t until_check = 0;  // steps, once decided
    bool searched = false;
  };
  const std::map<SignatureBucket, Entry>& entries() const { return entries_; }

 private:
  Entry begin(const BatchSignature& signature) const;
  void predict(Entry& entry) const;
  static int next_trial(const Entry& entry);
  static int runner_up(const Entry& entry);
  static void judge(Entry& entry);

  Graph graph_;
  std::vector<Schedule> candidates_;
  std::size_t n_common_;  // candidates for every kind; those after them are for one
  Profile profile_;
  std::map<SignatureBucket, Entry> entries_;
};

}  // namespace nanoflow
