#include <utility>

#include "actors/catalog_state.hpp"
#include "actors/errors.hpp"
#include "actors/log.hpp"
#include "actors/plan_load.hpp"
#include "actors/spawn_model.hpp"

namespace nanoflow {
namespace {

void answer(QueuedLoad& load, LoadOutcome outcome) {
  if (outcome.error) log(LogLevel::warning, "load: " + outcome.error->message);
  if (load.promise.pending())
    load.promise.deliver(LoadOutcomePtr(std::make_shared<const LoadOutcome>(std::move(outcome))));
}

wire::Error shut_down() {
  return {wire::ErrorCode::shutdown, "the daemon ends", {}, {}};
}

wire::Error loader_ended(const caf::error& failure) {
  return {wire::ErrorCode::internal, "the loader ended: " + explain(failure), {}, {}};
}

}  // namespace

LoadPromise CatalogState::load(const LoadJobPtr& job, const LoadProgressActor& progress) {
  auto promise = self->make_response_promise<LoadOutcomePtr>();
  loads.push_back({job, progress, promise});
  load_next();
  return promise;
}

/// One at a time, and when what leaves has given its memory back.
void CatalogState::load_next() {
  while (!loading && leaving.empty() && !loads.empty())
    if (answer_at_once(loads.front())) loads.pop_front();
}

/// What needs no loader is answered at once. False: a loader is at work.
bool CatalogState::answer_at_once(QueuedLoad& load) {
  auto decision = closing ? LoadDecision(shut_down())
                          : plan_load(load.job->load, *table(), config, *budget, *spill_budget);
  if (auto* why = std::get_if<wire::Error>(&decision)) {
    answer(load, {nullptr, std::move(*why)});
    return true;
  }
  if (const auto* model = std::get_if<LoadedModelPtr>(&decision)) {
    answer(load, {*model, {}});
    return true;
  }
  loading = true;
  const auto plan = std::make_shared<LoadPlan>(std::get<LoadPlan>(std::move(decision)));
  plan->cancelled = loads_cancelled;
  const auto loader = spawn_loader(self->system(), config.device, config.open, config.threads);
  self->request(loader, caf::infinite, LoadPlanPtr(plan), load.progress)
      .then([this, plan](const LoadedPartsPtr& parts) { finish_load(*plan, *parts); },
            [this, plan](const caf::error& failure) {
              LoadedParts none;
              none.error = loader_ended(failure);
              finish_load(*plan, none);
            });
  return false;
}

void CatalogState::finish_load(const LoadPlan& plan, const LoadedParts& parts) {
  if (!loading) return;  // it was refused meanwhile
  loading = false;
  auto load = std::move(loads.front());
  loads.pop_front();
  if (parts.error) {
    answer(load, {nullptr, parts.error});
  } else if (closing) {
    answer(load, {nullptr, shut_down()});
  } else {
    const auto model = spawn_model(self->system(), config, plan, parts,
                                   streams_alive() ? streams : std::vector<StreamActor>());
    budget->take(model->name, static_cast<std::uint64_t>(model->n_pages) * model->page_bytes);
    spill_budget->take(model->name, model->spill_bytes);
    self->monitor(model->scheduler);
    self->monitor(model->kv_manager);
    self->monitor(model->executor);
    loaded.push_back({model, load.job, parts.device_model});
    log(LogLevel::info, summary(*model));
    publish();
    answer(load, {model, {}});
  }
  load_next();
}

void CatalogState::refuse_loads() {
  loading = false;
  for (auto& load : std::exchange(loads, {})) answer(load, {nullptr, shut_down()});
}

}  // namespace nanoflow
