#include "engine/batch/batcher.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "engine/batch/batcher_state.hpp"

namespace nanoflow {
namespace {

void check_positive(const char* what, int value) {
  if (value < 1)
    throw std::invalid_argument(std::string("batcher: ") + what + " must be at least 1, found " +
                                std::to_string(value));
}

Batcher::Options checked(Batcher::Options options) {
  check_positive("context", options.context);
  check_positive("n_pages", options.n_pages);
  check_positive("max_sequences", options.max_sequences);
  check_positive("max_waiting", options.max_waiting);
  if (options.max_step_tokens <= options.max_sequences)
    throw std::invalid_argument("batcher: max_step_tokens must be more than max_sequences (" +
                                std::to_string(options.max_sequences) + "), found " +
                                std::to_string(options.max_step_tokens));
  const auto held = static_cast<std::int64_t>(options.n_pages) * page_size;
  options.context = static_cast<int>(std::min<std::int64_t>(options.context, held));
  return options;
}

}  // namespace

Batcher::Impl::Impl(Options options) : options(checked(options)), slots(options.max_sequences) {}

Admission Batcher::Impl::admit(BatchRequest request, Clock::time_point now) {
  if (!request.prompt || request.prompt->empty() || request.n < 1 || request.max_tokens < 1 ||
      !request.sampling || requests.contains(request.id))
    return {Refusal::invalid};
  const auto n_prompt = request.prompt->size();
  if (n_prompt >= static_cast<std::size_t>(options.context)) return {Refusal::prompt_too_long};
  if (waiting.n_requests() >= options.max_waiting)
    return {Refusal::overloaded, waiting.n_requests()};

  request.max_tokens = std::min(request.max_tokens, options.context - static_cast<int>(n_prompt));
  const Admission admission{Refusal::none, waiting.n_ahead(request.priority)};
  const auto id = request.id;
  const double turn = fair_share.turn_of(request.client, request.most_tokens());
  auto live_request = std::make_unique<LiveRequest>(std::move(request), turn, ++n_arrivals, now);
  auto& live = *requests.emplace(id, std::move(live_request)).first->second;
  requests_by_rank.emplace(live.rank(), &live);
  if (live.spec.deadline) deadlines.emplace(*live.spec.deadline, id);
  waiting.request_came(live.spec.priority);
  for (auto& choice : live.choices) waiting.push(choice);
  worth_asking = true;
  return admission;
}

LiveSequence* Batcher::Impl::find(const SequenceName& name) {
  const auto found = requests.find(name.request);
  if (found == requests.end()) return nullptr;
  auto& choice = found->second->choices[static_cast<std::size_t>(name.choice)];
  return choice.state == LiveSequence::State::ended ? nullptr : &choice;
}

void Batcher::Impl::recover(Clock::time_point now) {
  ++recoveries;
  lost_through = last_step;
  in_flight.clear();
  pending.reset();
  while (!running.empty()) leave(running.last(), now);
  for (auto* sequence : waiting.sequences()) sequence->n_in_flight = 0;
  slots.give_all();
  releases.clear();
  clear_cache = true;
  out_of_pages = starts_paused = false;
  worth_asking = true;
}

Batcher::Batcher(Options options) : impl_(std::make_unique<Impl>(options)) {}
Batcher::~Batcher() = default;

int Batcher::context() const {
  return impl_->options.context;
}
Admission Batcher::admit(BatchRequest request, Clock::time_point now) {
  return impl_->admit(std::move(request), now);
}
std::optional<Proposal> Batcher::propose(Clock::time_point now) {
  return impl_->propose(now);
}
void Batcher::ask_again() {
  impl_->worth_asking = true;
}
std::optional<Step> Batcher::form(const Grants& grants) {
  return impl_->form(grants);
}
StepEvents Batcher::finish(const StepResult& result, Clock::time_point now) {
  return impl_->finish(result, now);
}
StepEvents Batcher::cancel(RequestId request, Clock::time_point now, FinishReason reason) {
  return impl_->cancel(request, reason, now);
}
StepEvents Batcher::stop(RequestId request, int choice, int n_keep, Clock::time_point now) {
  return impl_->stop(request, choice, n_keep, now);
}
StepEvents Batcher::expire(Clock::time_point now) {
  return impl_->expire(now);
}
StepEvents Batcher::abort_all(Clock::time_point now) {
  return impl_->abort_all(now);
}
void Batcher::recover(Clock::time_point now) {
  impl_->recover(now);
}

}  // namespace nanoflow
