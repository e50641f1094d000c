// Which sequences get guesses, and when their newest tokens are worth waiting for.
#include <algorithm>

#include "engine/batch/batcher_state.hpp"

namespace nanoflow {

int Batcher::Impl::n_decoding() const {
  return static_cast<int>(std::count_if(running.begin(), running.end(),
                                        [](const auto* sequence) { return sequence->decoding(); }));
}

/// A sequence's next guesses need its newest token. Where they would pay, nothing is scheduled
/// ahead of it, for nobody: a step of the others alone would read all weights for them.
bool Batcher::Impl::awaits_token() {
  if (!options.speculation || in_flight.empty()) return false;
  const int n_decoding = this->n_decoding();
  return std::any_of(running.begin(), running.end(), [&](auto* sequence) {
    if (sequence->n_in_flight == 0) return false;
    // What is known goes on with a guess: probably this is the token in flight.
    return sequence->n_draft > 0 || !draft(*sequence, n_decoding, max_draft_rows).empty();
  });
}

/// At most so many guesses of what comes after the tokens that are known. Empty where it does not
/// decode, where guesses would not pay, and where the step that computes them would be its last.
std::vector<TokenId> Batcher::Impl::draft(LiveSequence& sequence, int n_decoding, int most) {
  if (!options.speculation || n_decoding > most_decoding || !sequence.decoding()) return {};
  const auto& spec = sequence.request->spec;
  const int left = spec.max_tokens - sequence.n_generated() - sequence.n_in_flight;
  most = std::min(most, left - 1);  // the last token needs no row
  if (most < 1) return {};
  if (!sequence.speculator) sequence.speculator.emplace();
  sequence.speculator->read(*spec.prompt, sequence.generated);
  auto guesses = sequence.speculator->draft(most, n_decoding, draft_cost.of(n_decoding));
  const auto& stops = spec.stop_tokens;
  guesses.erase(std::find_first_of(guesses.begin(), guesses.end(), stops.begin(), stops.end()),
                guesses.end());
  return guesses;
}

}  // namespace nanoflow
