// What goes into the batcher and what comes out of it.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/batch/step.hpp"
#include "engine/kv/reservation.hpp"

namespace nanoflow {

using RequestId = std::uint64_t;  // daemon-wide, never used twice
using Clock = std::chrono::steady_clock;

/// A prompt to be continued n times. The choices are sequences of their own that share the prompt's
/// pages.
struct BatchRequest {
  RequestId id = 0;
  Tokens prompt;       // at least one token
  int n = 1;           // choices
  int max_tokens = 1;  // per choice; cut to what is left of the context
  std::shared_ptr<const SamplingParams>
      sampling;                      // of every choice: draws are Philox(seed, choice, position)
  std::vector<TokenId> stop_tokens;  // each ends its choice, as its last token
  int priority = 0;                  // the larger goes first
  std::uint64_t client = 0;          // whose it is: clients take turns
  std::string salt;                  // prompts share pages only under the same salt
  std::optional<Clock::time_point> deadline;
  std::optional<Clock::duration> max_tpot;  // a step with one of its tokens is to take no longer

  /// To compute, at most: the prompt and all answers.
  int most_tokens() const { return static_cast<int>(prompt->size()) + n * max_tokens; }
};

/// failed: the model had no finite logit to pick a token from.
enum class FinishReason { stop, length, cancelled, timeout, aborted, failed };
const char* to_string(FinishReason reason);

/// One token of one choice.
struct TokenEvent {
  RequestId request = 0;
  int choice = 0;
  int index = 0;  // 0: the choice's first token
  TokenId token = 0;
  std::optional<TokenLogprobs> logprobs;
  std::optional<FinishReason> finish;  // set with the choice's last token (stop or length)
};

struct ChoiceOutcome {
  std::optional<FinishReason> reason;  // always set in Finished
  int completion_tokens = 0;
};

/// The end of a request: exactly one for each that was admitted.
struct Finished {
  RequestId request = 0;
  FinishReason reason =
      FinishReason::stop;  // failed, cancelled, timeout, aborted before length before stop
  std::vector<ChoiceOutcome> choices;  // [n]
  int prompt_tokens = 0;
  int cached_tokens = 0;      // of the prompt, when its first choice started
  int completion_tokens = 0;  // of all choices
  double queue_ms = 0, prefill_ms = 0, decode_ms = 0, total_ms = 0;
  std::uint64_t rows = 0;  // computed for it: prompt, generated and recomputed tokens, wasted rows
  std::uint64_t attended = 0;  // sum over its rows of the positions that each attends to
  double page_seconds = 0;     // pages held, a shared one counted for each holder
};

/// What one call brought about: in order, tokens before ends.
struct StepEvents {
  std::vector<TokenEvent> tokens;
  std::vector<Finished> finished;
  bool empty() const { return tokens.empty() && finished.empty(); }
};

enum class Refusal { none, overloaded, prompt_too_long, invalid };

struct Admission {
  Refusal refusal = Refusal::none;
  // In the queue, 0: next (at most; clients take turns); how many wait where it was overloaded.
  int position = 0;
};

/// Where a request stands that has generated nothing yet.
struct Progress {
  RequestId request = 0;
  bool waiting = true;  // else its prompt is being read
  int position = 0;     // in the queue, where waiting
  int done_tokens = 0;  // of the prompt, else
  int prompt_tokens = 0;
};

struct BatchSnapshot {
  struct Request {
    RequestId request = 0;
    int priority = 0;
    bool waiting = true;  // no choice has started
    int prompt_tokens = 0, done_tokens = 0, cached_tokens = 0, completion_tokens = 0;
    int pages = 0;
    double age_ms = 0;
  };
  int waiting = 0, running = 0;  // requests
  int running_sequences = 0, prefilling_sequences = 0;
  std::vector<Request> requests;                                              // in rank order
  std::uint64_t steps = 0, preemptions = 0, recoveries = 0, wasted_rows = 0;  // since the start
  std::uint64_t prompt_rows = 0, decode_rows = 0;  // in formed steps, since the start
  std::uint64_t drafted = 0, accepted = 0;  // tokens guessed, and those that were right; the right
                                            // ones are among decode_rows
};

}  // namespace nanoflow
