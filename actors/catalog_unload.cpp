#include <algorithm>
#include <utility>

#include "actors/catalog_state.hpp"
#include "actors/errors.hpp"
#include "actors/kv_budget.hpp"
#include "actors/log.hpp"
#include "client/suggest.hpp"

namespace nanoflow {
namespace {

constexpr std::chrono::milliseconds look_again{5};
constexpr std::chrono::seconds patience{10};

}  // namespace

UnloadPromise CatalogState::unload(const std::string& name) {
  auto promise = self->make_response_promise<std::string>();
  const auto found = std::find_if(loaded.begin(), loaded.end(),
                                  [&](const auto& entry) { return entry.model->name == name; });
  if (found == loaded.end()) {
    std::vector<std::string_view> names;
    for (const auto& entry : loaded) names.push_back(entry.model->name);
    promise.deliver("name: no model " + in_quotes(name) + " is loaded" + did_you_mean(name, names));
    return promise;
  }
  dismiss(static_cast<std::size_t>(found - loaded.begin()), user_shutdown()).promise = promise;
  return promise;
}

/// Out of the table; its actors are told to end, the scheduler first, so that it still finds the
/// others when it ends its requests.
Leaving& CatalogState::dismiss(std::size_t index, const caf::error& reason) {
  const auto [model, device_model] = std::pair(loaded[index].model, loaded[index].device_model);
  loaded.erase(loaded.begin() + static_cast<std::ptrdiff_t>(index));
  publish();
  auto& left = leaving.emplace_back();
  left.model = model;
  left.device_model = device_model;
  left.alive = {model->scheduler.address(), model->kv_manager.address(), model->executor.address()};
  self->send_exit(model->scheduler, reason);
  self->send_exit(model->kv_manager, reason);
  self->send_exit(model->executor, reason);
  return left;
}

void CatalogState::note_model_down(std::size_t index, const caf::down_msg& down) {
  const auto model = loaded[index].model;
  const auto job = loaded[index].job;
  auto& failures =
      model_failures.try_emplace(model->name, most_failures, failures_within).first->second;
  const bool again = failures.may_restart(self->clock().now());
  log(LogLevel::error, "an actor of '" + model->name +
                           "' ended, and its requests with it: " + explain(down.reason) + "; " +
                           (again ? "loading it again" : "it stays unloaded"));
  auto& left = dismiss(index, caf::make_error(ActorError::internal, explain(down.reason)));
  if (again) left.load_again = job;
  note_left(down.source);
}

void CatalogState::note_left(const caf::actor_addr& actor) {
  for (auto& left : leaving)
    if (left.alive.erase(actor) > 0 && left.alive.empty()) left.ended = self->clock().now();
  finish_leaving();
}

/// The weights outlive the actors for as long as a program that nobody waits for any more lies in a
/// stream's mailbox: a step's time.
void CatalogState::finish_leaving() {
  bool waits = false;
  std::vector<Leaving> gone;
  const auto now = self->clock().now();
  for (auto left = leaving.begin(); left != leaving.end();) {
    const bool freed =
        left->ended && (left->device_model.expired() || now - *left->ended > patience);
    waits = waits || (left->ended && !freed);
    if (freed) gone.push_back(std::move(*left));
    left = freed ? leaving.erase(left) : std::next(left);
  }
  if (waits && !std::exchange(ticking, true)) self->delayed_send(self, look_again, tick_atom_v);
  for (auto& left : gone) finish_leaving(std::move(left));
}

void CatalogState::finish_leaving(Leaving left) {
  budget->give_back(left.model->name);
  spill_budget->give_back(left.model->name);
  log(LogLevel::info, "unloaded '" + left.model->name + "'");
  if (left.promise.pending()) left.promise.deliver(std::string());
  if (left.load_again && !closing) loads.push_back({left.load_again, {}, {}});
  load_next();
  end_when_all_left();
}

void CatalogState::close(const caf::error& reason) {
  if (closing) return;
  closing = reason;
  *loads_cancelled = true;
  while (!loaded.empty()) dismiss(loaded.size() - 1, reason);
  end_when_all_left();
}

/// The leader ends first: it may be about to begin a step, and would wait for followers that have
/// gone.
void CatalogState::end_when_all_left() {
  if (!closing || !leaving.empty()) return;
  refuse_loads();
  if (streams_alive() && !streams.empty()) return self->send_exit(streams.front(), user_shutdown());
  for (const auto& stream : streams)
    if (stream) self->send_exit(stream, user_shutdown());
  self->quit(*closing);
}

}  // namespace nanoflow
