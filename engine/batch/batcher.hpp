#pragma once
#include <memory>

#include "engine/batch/request.hpp"

namespace nanoflow {

/// The scheduler's core: the queue, the running sequences and the policy that forms steps. It forms
/// step N+1 while step N runs; its owner does, after every call that changed something (admit,
/// form, finish, cancel, ...):
///
///     if (auto proposal = batcher.propose(now))   // nullopt: nothing to do until the next event
///       batcher.form(kv_cache.reserve(*proposal)) // a Step: run it; nullopt: propose again
///
/// Policy: decoding sequences first, each a row in every step; what is left of max_step_tokens goes
/// to prompts in chunks, by priority, then in turns of the clients, then by arrival; less is left
/// where a decoding sequence's request has a max_tpot, by what steps took lately. Where pages run
/// out the lowest-ranked running sequence is preempted: it gives its pages back, queues again where
/// it was, and is recomputed from its tokens; after that nothing new starts until a running
/// sequence ends, so that the pool does not thrash.
///
/// Speculation: where few sequences decode, one whose newest tokens have occurred before gets more
/// rows, with guesses of what comes next (StepSequence::n_draft). No step is formed while one of
/// its tokens is awaited that a guess may follow.
class Batcher {
 public:
  struct Options {
    int context = 0;           // longest sequence, tokens; cut to what all pages hold
    int n_pages = 0;           // of the KV cache
    int max_sequences = 0;     // that run at once: slots
    int max_step_tokens = 0;   // rows of the largest step, more than max_sequences
    int max_waiting = 0;       // requests that wait
    bool speculation = false;  // guess tokens where few sequences decode and it pays
  };
  /// Throws std::invalid_argument.
  explicit Batcher(Options options);
  ~Batcher();

  int context() const;  // what a prompt and its answer must fit into
  Admission admit(BatchRequest request, Clock::time_point now);

  /// What the next step needs. nullopt while a proposal is unanswered, while two steps are in
  /// flight, or one whose tokens are worth waiting for, and where there is nothing to do; only
  /// releases where nothing wants a row.
  std::optional<Proposal> propose(Clock::time_point now);
  /// What a deferred sequence waited for may be there: the next proposal asks for it again.
  void ask_again();
  /// The step out of what was granted; nullopt: nothing was, or the grants answer a proposal from
  /// before recover(). Its number follows that of the step before.
  std::optional<Step> form(const Grants& grants);
  /// Takes a step's tokens, in order of the steps. The result of a step from before recover() is
  /// ignored. Throws std::logic_error where the result is not the step's.
  StepEvents finish(const StepResult& result, Clock::time_point now);

  /// Each is empty where the request has ended already: nothing ends twice.
  StepEvents cancel(RequestId request, Clock::time_point now,
                    FinishReason reason = FinishReason::cancelled);
  /// A stop string was found: the choice keeps its first n_keep tokens. A few tokens late, even
  /// after the choice ended by itself, as long as the request has not (then its Finished is on its
  /// way, for the caller to correct).
  StepEvents stop(RequestId request, int choice, int n_keep, Clock::time_point now);
  /// Ends what is past its deadline; next_deadline says when to call.
  StepEvents expire(Clock::time_point now);
  std::optional<Clock::time_point> next_deadline() const;
  StepEvents abort_all(Clock::time_point now);

  /// The device failed: steps in flight are lost, its pages and slots are empty. Every sequence
  /// goes on from its tokens; the next proposal clears the KV cache.
  void recover(Clock::time_point now);

  /// Of every request that waits or whose prompt is being read.
  std::vector<Progress> progress() const;
  BatchSnapshot snapshot(Clock::time_point now) const;
  bool idle() const;  // nothing admitted is unfinished, nothing in flight, nothing left to release

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nanoflow
