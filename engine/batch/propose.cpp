// What the next step needs, and who makes room for it.
#include <algorithm>

#include "engine/batch/batcher_state.hpp"

namespace nanoflow {

std::optional<Proposal> Batcher::Impl::propose(Clock::time_point now) {
  if (pending || in_flight.size() >= 2 || !worth_asking || awaits_token()) return std::nullopt;
  // Where releases wait, see first whether their pages are enough.
  if (out_of_pages && releases.empty() && !running.empty()) preempt(running.last(), now);
  out_of_pages = false;

  const auto chosen = choose_sequences();
  Proposal proposal{.round = last_round + 1,
                    .clear = std::exchange(clear_cache, false),
                    .releases = std::exchange(releases, {}),
                    .step = last_step + 1,
                    .finished = in_flight.empty() ? last_step : in_flight.front().number - 1,
                    .row_ms = step_cost.row_ms().value_or(0),
                    .max_rows = row_budget(chosen),
                    // Each may need its next page soon; it would have to preempt for it.
                    .keep_free = static_cast<int>(running.size()),
                    .reservations = {}};
  PendingProposal asked{.round = proposal.round, .when = now, .asked = {}};
  proposal.reservations.reserve(chosen.size());
  asked.asked.reserve(chosen.size());
  const int n_decoding = this->n_decoding();
  // Prompts get their half of what is left.
  int draft_rows = std::min(max_draft_rows, (proposal.max_rows - n_decoding) / 2);
  for (auto* sequence : chosen) {
    std::vector<TokenId> guesses;  // of what comes after the newest token, where that is known
    if (sequence->n_in_flight == 0) guesses = draft(*sequence, n_decoding, draft_rows);
    const int n_draft = static_cast<int>(guesses.size());
    draft_rows -= n_draft;
    proposal.reservations.push_back(reserve(*sequence, n_draft));
    asked.asked.push_back({{sequence->request->spec.id, sequence->rank.choice},
                           sequence->id,
                           sequence->state == LiveSequence::State::waiting,
                           std::move(guesses)});
  }
  if (!proposal.clear && proposal.releases.empty() && proposal.reservations.empty())
    return std::nullopt;
  last_round = proposal.round;
  worth_asking = false;
  pending = std::move(asked);
  return proposal;
}

/// Those who decode, then those who read their prompt or would start to, each in rank order.
std::vector<LiveSequence*> Batcher::Impl::choose_sequences() {
  std::vector<LiveSequence*> chosen, prompts;
  chosen.reserve(running.size());
  for (auto* sequence : running) {
    if (sequence->prefilling())
      prompts.push_back(sequence);
    else if (sequence->wants_rows())
      chosen.push_back(sequence);
  }
  if (running.empty()) starts_paused = false;
  if (!starts_paused) {
    const auto n_running = static_cast<std::ptrdiff_t>(prompts.size());
    int n_starts =
        std::min(slots.free(), options.max_step_tokens - static_cast<int>(chosen.size()));
    for (auto* sequence : waiting.sequences()) {
      if (n_starts == 0) break;
      if (sequence->n_in_flight > 0) continue;  // it starts from all its tokens
      prompts.push_back(sequence);
      --n_starts;
    }
    std::inplace_merge(prompts.begin(), prompts.begin() + n_running, prompts.end(), ByRank{});
  }
  chosen.insert(chosen.end(), prompts.begin(), prompts.end());
  return chosen;
}

/// What a step may compute: as much as fits into the time that its most impatient token may take,
/// by what steps took lately. Prompts get a page's rows all the same: they must go on.
int Batcher::Impl::row_budget(const std::vector<LiveSequence*>& chosen) const {
  std::optional<Clock::duration> limit;
  int n_decoding = 0;
  for (const auto* sequence : chosen) {
    if (!sequence->decoding()) continue;
    ++n_decoding;
    const auto& own = sequence->request->spec.max_tpot;
    if (own) limit = limit ? std::min(*limit, *own) : *own;
  }
  const auto rows = limit ? step_cost.rows_within(*limit) : std::nullopt;
  if (!rows) return options.max_step_tokens;
  return std::min(options.max_step_tokens, std::max(*rows, n_decoding + page_size));
}

Reservation Batcher::Impl::reserve(LiveSequence& sequence, int n_draft) {
  if (sequence.state == LiveSequence::State::running) {
    if (!sequence.prefilling())
      return {.sequence = sequence.id,
              .n_rows = 1 + n_draft,
              .n_draft = n_draft,
              .n_again = sequence.n_granted - sequence.n_computed,
              .prompt = nullptr,
              .salt = {}};
    const int left = static_cast<int>(sequence.start_tokens->size()) - sequence.n_computed;
    return {.sequence = sequence.id, .n_rows = left, .chunk = true, .prompt = nullptr, .salt = {}};
  }
  if (!sequence.start_tokens) {
    sequence.id = ++last_sequence;
    sequence.start_tokens = sequence.first_tokens(sequence.n_prompt() + sequence.n_generated());
  }
  return {.sequence = sequence.id,
          .n_rows = static_cast<int>(sequence.start_tokens->size()),
          .chunk = true,
          .prompt = sequence.start_tokens,
          .salt = sequence.request->spec.salt};
}

/// Takes a running sequence's pages and slot; it is recomputed from its tokens. Its rows in flight
/// are not wasted: their tokens will be taken, and their KV can be found in the prefix tree.
void Batcher::Impl::preempt(LiveSequence& sequence, Clock::time_point now) {
  ++preemptions;
  starts_paused = true;
  release(sequence, sequence.n_computed);
  slots.give(sequence.slot);
  leave(sequence, now);
}

}  // namespace nanoflow
