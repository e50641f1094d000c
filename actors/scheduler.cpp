#include "actors/scheduler.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "actors/errors.hpp"
#include "actors/log.hpp"

namespace nanoflow {
namespace {

using PrivateScheduler = SchedulerActor::extend<
    // From the KV manager, as its PagesListenerActor.
    reacts_to<ready_atom>,
    // A second has passed since progress was reported.
    reacts_to<progress_atom>,
    // A deadline has come.
    reacts_to<tick_atom>,
    // The pause between two messages to listeners is over.
    reacts_to<tell_atom>>;

struct SchedulerState;
using SchedulerSelf = PrivateScheduler::stateful_pointer<SchedulerState>;

struct SchedulerState {
  static inline const char* name = "scheduler";

  /// Who is told of requests. Monitored while it has one, or has something to hear.
  struct Listener {
    SchedulerListenerActor actor;
    std::set<RequestId> requests;
    SchedulerEvents news;  // that it was not told yet
  };

  SchedulerSelf self = nullptr;
  SchedulerConfig config;
  std::unique_ptr<Batcher> batcher;
  std::map<caf::actor_addr, Listener> listeners;  // references stay valid
  std::unordered_map<RequestId, Listener*> listener_of;
  std::uint64_t last_step = 0, lost_through = 0;  // step numbers
  bool progress_due = false;                      // a message is on its way
  std::optional<Clock::time_point> wake_up;       // as is the next deadline's
  Clock::time_point next_news;                    // not before
  bool news_due = false;                          // a message is on its way

  Clock::time_point now() const { return self->clock().now(); }
  AdmissionPtr admit(const BatchRequestPtr& request, const SchedulerListenerActor& listener);
  bool in_vocabulary(const BatchRequest& request) const;
  void advance();
  void form(const GrantsPtr& grants);
  void take(const StepOutcome& outcome);
  void changed(StepEvents events);
  void note(StepEvents events);
  void tell();
  void tell_all();
  void tell_progress();
  void watch_progress();
  void watch_deadline();
  void drop_listener(const caf::actor_addr& gone);
  void leave(const caf::error& reason);
};

AdmissionPtr SchedulerState::admit(const BatchRequestPtr& request,
                                   const SchedulerListenerActor& listener) {
  if (!in_vocabulary(*request))
    return std::make_shared<const Admission>(Admission{Refusal::invalid, 0});
  auto admission = batcher->admit(*request, now());
  if (admission.refusal == Refusal::none) {
    const auto address = listener.address();
    auto& known = listeners[address];
    if (!known.actor) self->monitor(listener);
    known.actor = listener;
    known.requests.insert(request->id);
    listener_of[request->id] = &known;
    changed({});
  }
  return std::make_shared<const Admission>(admission);
}

/// Rows of the embedding and of the logits are addressed by these.
bool SchedulerState::in_vocabulary(const BatchRequest& request) const {
  const auto known = [&](TokenId token) { return token >= 0 && token < config.vocab_size; };
  if (!request.prompt || !std::all_of(request.prompt->begin(), request.prompt->end(), known))
    return false;
  if (!request.sampling) return false;
  const auto& sampling = *request.sampling;
  return std::all_of(sampling.end_tokens.begin(), sampling.end_tokens.end(), known) &&
         std::all_of(sampling.logit_bias.begin(), sampling.logit_bias.end(),
                     [&](const auto& bias) { return known(bias.first); });
}

void SchedulerState::advance() {
  auto proposal = batcher->propose(now());
  if (!proposal) return;
  self->request(config.kv_manager, caf::infinite,
                ProposalPtr(std::make_shared<const Proposal>(*std::move(proposal))))
      .then([this](const GrantsPtr& grants) { form(grants); },
            [this](const caf::error& error) { self->quit(error); });
}

void SchedulerState::form(const GrantsPtr& grants) {
  if (auto step = batcher->form(*grants)) {
    last_step = step->number;
    self->request(config.executor, caf::infinite,
                  StepPtr(std::make_shared<const Step>(*std::move(step))))
        .then([this](const StepOutcomePtr& outcome) { take(*outcome); },
              [this](const caf::error& error) { self->quit(error); });
  }
  advance();
}

void SchedulerState::take(const StepOutcome& outcome) {
  if (outcome.failure.empty()) return changed(batcher->finish(outcome.result, now()));
  if (outcome.result.number <= lost_through) return;  // lost together with the one before it
  lost_through = last_step;
  log(LogLevel::warning, "the device failed, running requests are recomputed: " + outcome.failure);
  batcher->recover(now());
  self->send(config.executor, recover_atom_v);
  changed({});
}

/// After whatever changed the batcher: what is next, who is to know, and when to wake up.
void SchedulerState::changed(StepEvents events) {
  advance();
  note(std::move(events));
  tell();
  watch_progress();
  watch_deadline();
}

void SchedulerState::note(StepEvents events) {
  for (auto& token : events.tokens)
    listener_of.at(token.request)->news.step.tokens.push_back(std::move(token));
  for (auto& finished : events.finished) {
    auto& listener = *listener_of.at(finished.request);
    listener.requests.erase(finished.request);
    listener_of.erase(finished.request);
    listener.news.step.finished.push_back(std::move(finished));
  }
}

/// What there is to tell; or, where the last messages went out just now, a message for later.
void SchedulerState::tell() {
  const auto silent = [](const auto& entry) { return entry.second.news.empty(); };
  if (news_due || std::all_of(listeners.begin(), listeners.end(), silent)) return;
  if (now() >= next_news) return tell_all();
  news_due = true;
  self->delayed_send(self, next_news - now(), tell_atom_v);
}

void SchedulerState::tell_all() {
  next_news = now() + config.event_pause;
  for (auto entry = listeners.begin(); entry != listeners.end();) {
    auto& listener = entry->second;
    if (!listener.news.empty())
      self->send(listener.actor, SchedulerEventsPtr(std::make_shared<const SchedulerEvents>(
                                     std::exchange(listener.news, {}))));
    if (listener.requests.empty()) {
      self->demonitor(entry->first);
      entry = listeners.erase(entry);
    } else {
      ++entry;
    }
  }
}

void SchedulerState::tell_progress() {
  progress_due = false;
  for (const auto& progress : batcher->progress())
    listener_of.at(progress.request)->news.progress.push_back(progress);
  tell();
  watch_progress();
}

/// An idle daemon has no timers.
void SchedulerState::watch_progress() {
  if (progress_due || batcher->idle()) return;
  progress_due = true;
  self->delayed_send(self, std::chrono::seconds(1), progress_atom_v);
}

void SchedulerState::watch_deadline() {
  const auto deadline = batcher->next_deadline();
  if (!deadline || (wake_up && *wake_up <= *deadline)) return;
  wake_up = deadline;
  self->delayed_send(self, std::max(*deadline - now(), Clock::duration(0)), tick_atom_v);
}

void SchedulerState::drop_listener(const caf::actor_addr& gone) {
  const auto found = listeners.find(gone);
  if (found == listeners.end()) return;
  for (const auto request : std::set(found->second.requests)) note(batcher->cancel(request, now()));
  changed({});
}

void SchedulerState::leave(const caf::error& reason) {
  if (reason == caf::exit_reason::user_shutdown) note(batcher->abort_all(now()));
  tell_all();
  self->quit(reason);
}

PrivateScheduler::behavior_type scheduler(SchedulerSelf self, const SchedulerConfig& config) {
  end_on_exceptions(self);
  auto& state = self->state;
  state.self = self;
  state.config = config;
  state.batcher = std::make_unique<Batcher>(config.batcher);
  self->set_down_handler([&state](const caf::down_msg& down) { state.drop_listener(down.source); });
  self->set_exit_handler([&state](const caf::exit_msg& exit) { state.leave(exit.reason); });
  return {
      [&state](const BatchRequestPtr& request, const SchedulerListenerActor& listener) {
        return state.admit(request, listener);
      },
      [&state](cancel_atom, RequestId request, FinishReason reason) {
        state.changed(state.batcher->cancel(request, state.now(), reason));
      },
      [&state](stop_atom, RequestId request, int choice, int n_keep) {
        state.changed(state.batcher->stop(request, choice, n_keep, state.now()));
      },
      [&state](snapshot_atom) -> SnapshotPtr {
        return std::make_shared<const BatchSnapshot>(state.batcher->snapshot(state.now()));
      },
      [&state](ping_atom) { return state.self->delegate(state.config.executor, ping_atom_v); },
      [&state](ready_atom) {
        state.batcher->ask_again();
        state.changed({});
      },
      [&state](progress_atom) { state.tell_progress(); },
      [&state](tick_atom) {
        state.wake_up.reset();
        state.changed(state.batcher->expire(state.now()));
      },
      [&state](tell_atom) {
        state.news_due = false;
        state.tell_all();
      },
  };
}

}  // namespace

SchedulerActor spawn_scheduler(caf::actor_system& system, SchedulerConfig config) {
  return system.spawn(scheduler, std::move(config));
}

}  // namespace nanoflow
