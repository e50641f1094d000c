// The batcher's insides. Its functions are where their names say: propose.cpp, form.cpp,
// finish.cpp, end.cpp, speculate.cpp; what only asks is in report.cpp, the rest in batcher.cpp.
#pragma once
#include <deque>
#include <map>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "engine/batch/batcher.hpp"
#include "engine/batch/fair_share.hpp"
#include "engine/batch/queue.hpp"
#include "engine/batch/slots.hpp"
#include "engine/batch/step_cost.hpp"

namespace nanoflow {

/// Names a sequence that may have ended since.
struct SequenceName {
  RequestId request = 0;
  int choice = 0;
};

/// A proposal whose grants are awaited.
struct PendingProposal {
  struct Asked {
    SequenceName name;
    SequenceId sequence = 0;
    bool first = false;          // the reservation would start it
    std::vector<TokenId> draft;  // guesses, for the last rows asked for
  };
  std::uint64_t round = 0;
  Clock::time_point when;
  std::vector<Asked> asked;  // in the order of the reservations
};

/// A formed step whose result is awaited.
struct StepInFlight {
  struct Rows {
    SequenceName name;
    SlotId slot = 0;
    int n_rows = 0;
    int n_draft = 0;
    bool samples = false;
  };
  std::uint64_t number = 0;
  std::vector<Rows> sequences;                  // as in the step
  int n_decoding = 0, n_rows = 0, n_draft = 0;  // of them; rows and guesses of all
};

struct Batcher::Impl {
  explicit Impl(Options options);

  Admission admit(BatchRequest request, Clock::time_point now);
  std::optional<Proposal> propose(Clock::time_point now);
  std::optional<Step> form(const Grants& grants);
  StepEvents finish(const StepResult& result, Clock::time_point now);
  StepEvents cancel(RequestId request, FinishReason reason, Clock::time_point now);
  StepEvents stop(RequestId request, int choice, int n_keep, Clock::time_point now);
  StepEvents expire(Clock::time_point now);
  StepEvents abort_all(Clock::time_point now);
  void recover(Clock::time_point now);

  // propose.cpp
  std::vector<LiveSequence*> choose_sequences();
  int row_budget(const std::vector<LiveSequence*>& chosen) const;
  Reservation reserve(LiveSequence& sequence, int n_draft);
  void preempt(LiveSequence& sequence, Clock::time_point now);
  // speculate.cpp
  int n_decoding() const;
  bool awaits_token();
  std::vector<TokenId> draft(LiveSequence& sequence, int n_decoding, int most);
  // form.cpp
  void check_answer(const Grants& grants) const;
  void start(LiveSequence& sequence, const Grant& grant);
  StepSequence add_rows(LiveSequence& sequence, const Grant& grant,
                        const std::vector<TokenId>& draft);
  static std::shared_ptr<const SlotStart> slot_start(const LiveSequence& sequence);
  void note_deferred(bool first_exhausted, bool running_exhausted, bool step_is_empty);
  // finish.cpp
  void check_result(const StepInFlight& step, const StepResult& result) const;
  void fail(const LiveRequest& request, Clock::time_point now, StepEvents& events);
  void take_tokens(LiveSequence& sequence, std::span<const StepResult::Sampled> sampled,
                   Clock::time_point now, StepEvents& events);
  bool take_token(LiveSequence& sequence, const StepResult::Sampled& sampled, Clock::time_point now,
                  StepEvents& events);
  // end.cpp
  void end(LiveSequence& sequence, FinishReason reason, int n_keep, Clock::time_point now);
  void end_request_without_live(LiveRequest& request, Clock::time_point now, StepEvents& events);
  /// From running to waiting: it has no pages and no slot any more.
  void leave(LiveSequence& sequence, Clock::time_point now);
  void release(const LiveSequence& sequence, int n_computed);

  /// Null where it has ended.
  LiveSequence* find(const SequenceName& name);

  const Options options;
  std::unordered_map<RequestId, std::unique_ptr<LiveRequest>> requests;
  std::map<Rank, LiveRequest*> requests_by_rank;
  std::set<std::pair<Clock::time_point, RequestId>> deadlines;
  FairShare fair_share;
  WaitingQueue waiting;
  RunningSequences running;
  Slots slots;
  StepCost step_cost;

  std::optional<PendingProposal> pending;
  std::deque<StepInFlight> in_flight;  // at most two
  std::vector<Release> releases;       // for the next proposal
  bool clear_cache = false;            // with the next proposal
  bool out_of_pages = false;           // a running sequence was deferred: preempt one
  bool starts_paused = false;          // one was preempted, and no running one has ended since
  bool worth_asking = true;            // since the last proposal something has changed

  std::uint64_t n_arrivals = 0, last_round = 0, last_step = 0;
  std::uint64_t lost_through = 0;  // steps up to this one were lost with the device
  SequenceId last_sequence = 0;
  DraftCost draft_cost;
  std::uint64_t preemptions = 0, recoveries = 0, wasted_rows = 0, prompt_rows = 0, decode_rows = 0;
  std::uint64_t drafted = 0, accepted = 0;  // guesses that ran, and those that were right
};

}  // namespace nanoflow
