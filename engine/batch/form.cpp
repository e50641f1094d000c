// A step out of what the KV cache granted.
#include <stdexcept>
#include <string>

#include "engine/batch/batcher_state.hpp"

namespace nanoflow {

std::optional<Step> Batcher::Impl::form(const Grants& grants) {
  if (!pending || grants.round != pending->round) return std::nullopt;
  check_answer(grants);
  Step step{.number = last_step + 1, .sequences = {}};
  StepInFlight formed{.number = step.number, .sequences = {}};
  bool first_exhausted = false, running_exhausted = false;
  step.sequences.reserve(grants.grants.size());
  formed.sequences.reserve(grants.grants.size());
  for (std::size_t i = 0; i < grants.grants.size(); ++i) {
    const auto& grant = grants.grants[i];
    const auto& asked = pending->asked[i];
    auto* sequence = find(asked.name);
    if (!sequence) {  // it ended since; one that ran already has its release
      if (asked.first && grant.n_rows > 0) releases.push_back({grant.sequence, nullptr});
    } else if (grant.n_rows == 0) {
      if (grant.exhausted) (asked.first ? first_exhausted : running_exhausted) = true;
    } else {
      if (asked.first) start(*sequence, grant);
      formed.n_decoding += sequence->decoding() ? 1 : 0;
      auto& added = step.sequences.emplace_back(add_rows(*sequence, grant, asked.draft));
      if (asked.first) added.start = slot_start(*sequence);
      formed.n_draft += added.n_draft;
      formed.sequences.push_back(
          {asked.name, added.slot, added.n_rows, added.n_draft, added.samples});
    }
  }
  pending.reset();
  note_deferred(first_exhausted, running_exhausted, step.sequences.empty());
  if (step.sequences.empty()) return std::nullopt;
  formed.n_rows = step.n_tokens();
  last_step = step.number;
  in_flight.push_back(std::move(formed));
  return step;
}

void Batcher::Impl::check_answer(const Grants& grants) const {
  const auto& asked = pending->asked;
  bool same = grants.grants.size() == asked.size();
  for (std::size_t i = 0; same && i < asked.size(); ++i)
    same = grants.grants[i].sequence == asked[i].sequence;
  if (!same)
    throw std::logic_error("batcher: round " + std::to_string(grants.round) + ": expected " +
                           std::to_string(asked.size()) +
                           " grants in the order of the reservations, found " +
                           std::to_string(grants.grants.size()) + " that do not answer them");
}

void Batcher::Impl::start(LiveSequence& sequence, const Grant& grant) {
  auto& request = *sequence.request;
  if (!request.started) {
    request.started = pending->when;
    request.cached_tokens = grant.cached_tokens;
    waiting.request_left(request.spec.priority);
    fair_share.started(request.turn);
  }
  waiting.erase(sequence);
  sequence.state = LiveSequence::State::running;
  sequence.slot = slots.take();
  sequence.n_computed = sequence.n_granted = grant.cached_tokens;
  sequence.pages_since = pending->when;
  running.insert(sequence);
}

StepSequence Batcher::Impl::add_rows(LiveSequence& sequence, const Grant& grant,
                                     const std::vector<TokenId>& draft) {
  sequence.count_pages(pending->when);
  if (!grant.new_pages.empty()) sequence.pages = sequence.pages.with(grant.new_pages);
  const int n_end = sequence.n_computed + grant.n_rows;
  // After wrong guesses it may have one page more than it needs.
  const auto n_pages = static_cast<std::size_t>((n_end + page_size - 1) / page_size);
  StepSequence rows{.slot = sequence.slot,
                    .position = sequence.n_computed,
                    .n_rows = grant.n_rows,
                    .tokens = {},
                    .pages = sequence.pages.first(n_pages),
                    .choice = sequence.rank.choice,
                    .sampling = nullptr,
                    .start = nullptr};
  const auto n_rows = static_cast<std::uint64_t>(rows.n_rows);
  const auto end = static_cast<std::uint64_t>(rows.position) + n_rows;
  if (sequence.prefilling()) {
    const auto first = sequence.start_tokens->begin() + rows.position;
    rows.tokens.assign(first, first + rows.n_rows);
  } else if (rows.n_rows > 1) {  // whose newest token is known: see draft()
    rows.tokens = {sequence.generated.back()};
    rows.tokens.insert(rows.tokens.end(), draft.begin(), draft.begin() + rows.n_rows - 1);
    sequence.n_draft = rows.n_draft = rows.n_rows - 1;
  }
  const int n_sure = rows.n_rows - rows.n_draft;
  (sequence.prefilling() ? prompt_rows : decode_rows) += static_cast<std::uint64_t>(n_sure);
  sequence.n_computed += n_sure;
  sequence.n_granted = n_end;
  rows.samples = !sequence.prefilling();
  if (rows.samples) {
    rows.sampling = sequence.request->spec.sampling;
    ++sequence.n_in_flight;
  }
  sequence.request->rows += n_rows;
  // The row at position p attends to p + 1 positions.
  sequence.request->attended += (end * (end + 1) - (end - n_rows) * (end - n_rows + 1)) / 2;
  return rows;
}

std::shared_ptr<const SlotStart> Batcher::Impl::slot_start(const LiveSequence& sequence) {
  return std::make_shared<const SlotStart>(SlotStart{*sequence.start_tokens, sequence.n_prompt()});
}

/// Preempting helps whoever runs beside others. One alone fits, as no sequence is longer than the
/// context: if it does not, the cache has fewer pages than the batcher was told.
void Batcher::Impl::note_deferred(bool first_exhausted, bool running_exhausted,
                                  bool step_is_empty) {
  out_of_pages = running_exhausted;
  if (!step_is_empty || running_exhausted || !releases.empty()) worth_asking = true;
  const bool alone = running.size() + (first_exhausted ? 1 : 0) == 1;
  if (step_is_empty && releases.empty() && alone && (first_exhausted || running_exhausted))
    throw std::logic_error("batcher: one sequence alone runs out of the cache's pages, expected " +
                           std::to_string(options.n_pages));
}

}  // namespace nanoflow
