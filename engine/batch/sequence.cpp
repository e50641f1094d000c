#include "engine/batch/sequence.hpp"

#include <algorithm>

namespace nanoflow {
namespace {

double milliseconds(Clock::time_point from, Clock::time_point to) {
  return std::max(0.0, std::chrono::duration<double, std::milli>(to - from).count());
}

/// Which of the choices' reasons speaks for the request.
FinishReason strongest(const std::vector<LiveSequence>& choices) {
  for (const auto reason : {FinishReason::failed, FinishReason::cancelled, FinishReason::timeout,
                            FinishReason::aborted, FinishReason::length})
    for (const auto& choice : choices)
      if (choice.reason == reason) return reason;
  return FinishReason::stop;
}

}  // namespace

int LiveSequence::n_prompt() const {
  return request->n_prompt();
}

bool LiveSequence::prefilling() const {
  return state == State::running && n_computed < static_cast<int>(start_tokens->size());
}

bool LiveSequence::wants_rows() const {
  return state == State::running &&
         (prefilling() || n_generated() + n_in_flight < request->spec.max_tokens);
}

Tokens LiveSequence::first_tokens(int n_tokens) const {
  if (n_tokens == n_prompt()) return request->spec.prompt;
  const auto& prompt = *request->spec.prompt;
  const int of_prompt = std::min(n_tokens, n_prompt());
  const int of_generated = std::min(n_tokens - of_prompt, n_generated());
  std::vector<TokenId> tokens(prompt.begin(), prompt.begin() + of_prompt);
  tokens.insert(tokens.end(), generated.begin(), generated.begin() + of_generated);
  return std::make_shared<const std::vector<TokenId>>(std::move(tokens));
}

void LiveSequence::count_pages(Clock::time_point now) {
  request->page_seconds += static_cast<double>(pages.size()) * milliseconds(pages_since, now) / 1e3;
  pages_since = now;
}

LiveRequest::LiveRequest(BatchRequest request, double turn, std::uint64_t arrival,
                         Clock::time_point now)
    : spec(std::move(request)),
      turn(turn),
      arrival(arrival),
      choices(static_cast<std::size_t>(spec.n)),
      n_live(spec.n),
      admitted(now) {
  for (int i = 0; i < spec.n; ++i) {
    auto& choice = choices[static_cast<std::size_t>(i)];
    choice.request = this;
    choice.rank = {spec.priority, turn, arrival, i};
  }
}

int LiveRequest::n_prompt_done() const {
  int done = 0;
  for (const auto& choice : choices) done = std::max(done, std::min(choice.n_computed, n_prompt()));
  return done;
}

int LiveRequest::n_generated() const {
  int sum = 0;
  for (const auto& choice : choices) sum += choice.n_generated();
  return sum;
}

Finished LiveRequest::finished(Clock::time_point now) const {
  Finished result{.request = spec.id, .reason = strongest(choices), .choices = {}};
  for (const auto& choice : choices)
    result.choices.push_back({choice.reason, choice.n_generated()});
  result.prompt_tokens = n_prompt();
  result.cached_tokens = cached_tokens;
  result.completion_tokens = n_generated();
  const auto start = started.value_or(now);
  const auto first = first_token.value_or(now);
  result.queue_ms = milliseconds(admitted, start);
  result.prefill_ms = milliseconds(start, first);
  result.decode_ms = milliseconds(first, now);
  result.total_ms = milliseconds(admitted, now);
  result.rows = rows;
  result.attended = attended;
  result.page_seconds = page_seconds;
  return result;
}

}  // namespace nanoflow
