// What the batcher knows of each request that has not ended, and of its choices.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/batch/request.hpp"
#include "engine/batch/speculator.hpp"

namespace nanoflow {

/// Who goes first: the larger priority, then whose client's turn it is (fair_share.hpp), then who
/// came first, then the lower choice.
struct Rank {
  int priority = 0;
  double turn = 0;
  std::uint64_t arrival = 0;
  int choice = 0;
  friend bool operator<(const Rank& a, const Rank& b) {
    if (a.priority != b.priority) return a.priority > b.priority;
    if (a.turn != b.turn) return a.turn < b.turn;
    if (a.arrival != b.arrival) return a.arrival < b.arrival;
    return a.choice < b.choice;
  }
};

struct LiveRequest;

/// One choice. It waits, runs (has a slot and pages), perhaps waits again after it was preempted,
/// and ends.
struct LiveSequence {
  enum class State { waiting, running, ended };

  LiveRequest* request = nullptr;
  Rank rank;
  State state = State::waiting;
  std::vector<TokenId> generated;  // as far as known
  int n_in_flight = 0;             // steps in flight that will add to generated: a token each,
  int n_draft = 0;                 // and at most so many more
  std::optional<Speculator> speculator;  // from when it first might have guessed
  std::optional<FinishReason> reason;    // set when it ended

  // Of this start; a restart begins them anew.
  SequenceId id = 0;    // in the KV cache
  Tokens start_tokens;  // prompt and what was generated before: they are computed as a prompt
  SlotId slot = 0;      // where running
  int n_computed = 0;   // its first positions: cached, or rows of formed steps, but no guesses
  int n_granted = 0;    // rows that it has pages for, from the first on; guesses were among them
  PageTable pages;
  Clock::time_point pages_since;  // page_seconds are counted up to here

  int n_prompt() const;
  int n_generated() const { return static_cast<int>(generated.size()); }
  /// Running, and not all of start_tokens have rows.
  bool prefilling() const;
  /// Running, and all of them have.
  bool decoding() const { return state == State::running && !prefilling(); }
  /// Running, and the last token that it may generate is not on its way yet.
  bool wants_rows() const;
  /// Its first tokens, at most those known.
  Tokens first_tokens(int n_tokens) const;
  /// Adds the time that its pages were held to the request's cost.
  void count_pages(Clock::time_point now);
};

struct LiveRequest {
  BatchRequest spec;
  double turn = 0;
  std::uint64_t arrival = 0;
  std::vector<LiveSequence> choices;  // [n], never moved
  int n_live = 0;                     // choices that have not ended
  Clock::time_point admitted;
  std::optional<Clock::time_point> started, first_token;  // of the first choice that did
  int cached_tokens = 0;                                  // of that choice's start
  std::uint64_t rows = 0, attended = 0;
  double page_seconds = 0;

  LiveRequest(BatchRequest spec, double turn, std::uint64_t arrival, Clock::time_point now);
  LiveRequest(const LiveRequest&) = delete;
  LiveRequest& operator=(const LiveRequest&) = delete;

  Rank rank() const { return {spec.priority, turn, arrival, 0}; }
  int n_prompt() const { return static_cast<int>(spec.prompt->size()); }
  /// Positions of the prompt that are cached or in formed steps, in the choice that is furthest.
  int n_prompt_done() const;
  int n_generated() const;  // of all choices
  /// Tokens computed for it, as it counts against its client: once each, however often and in how
  /// many choices.
  int n_used() const { return started ? n_prompt() - cached_tokens + n_generated() : 0; }
  /// The report at the end of its last choice.
  Finished finished(Clock::time_point now) const;
};

}  // namespace nanoflow
