#include "actors/gateway.hpp"

#include "actors/errors.hpp"
#include "actors/gateway_state.hpp"
#include "actors/log.hpp"

namespace nanoflow {

GatewaySelf::behavior_type GatewayState::start(Self self, GatewayConfig config,
                                               CatalogActor catalog, MonitorActor monitor) {
  self_ = self;
  config_ = std::move(config);
  catalog_ = std::move(catalog);
  monitor_ = std::move(monitor);
  admissions_.set_limits(config_.limits);
  end_on_exceptions(self);
  self->set_down_handler([this](const caf::down_msg& down) { on_tokenizer_down(down.source); });
  self->send(catalog_, subscribe_atom::value, ModelListenerActor(GatewaySelf(self)));
  return {
      [this](const ClientMessagePtr& message) { on_message(*message); },
      [this](const ClientGone& gone) { on_gone(gone.client); },
      [this](const ClientStalled& stalled) { on_stalled(stalled.client); },
      [this](const RequestEventsPtr& events) {
        for (const RequestEvent& event : *events) on_event(event);
      },
      [this](const ModelTablePtr& models) { on_models(*models); },
      [this](drain_atom, std::int64_t deadline_ms) { return drain(deadline_ms); },
      [this](ping_atom) {
        auto promise = self_->make_response_promise<pong_atom>();
        ping([promise](const caf::error* error) mutable {
          error ? promise.deliver(*error) : promise.deliver(pong_atom::value);
        });
        return promise;
      },
      [this](reload_atom, int max_sequences, int max_waiting) {
        admissions_.set_limits({max_sequences, max_waiting});
      },
      [this](progress_atom, std::uint64_t question, std::uint64_t done, std::uint64_t total) {
        on_load_progress(question, done, total);
      },
      [this](drain_atom) { on_deadline(); },
  };
}

// ---- Clients -----------------------------------------------------------------------------------

void GatewayState::on_message(const ClientMessage& message) {
  auto decoded = wire::decode_request(*message.bytes);
  const ClientId client = message.from.client;
  if (const auto* wrong = std::get_if<wire::Event>(&decoded))
    return say(client, wrong->id, wrong->body);
  auto& request = std::get<wire::Request>(decoded);
  if (!sessions_.is_free(client, request.id))
    return say(client, {},
               wire::Error{wire::ErrorCode::duplicate_id,
                           "id: a live request of this client has the id " +
                               wire::to_string(request.id) + "; it goes on",
                           request.id,
                           {}});
  if (auto* generate_request = std::get_if<wire::Generate>(&request.operation))
    return generate(message, request.id, std::move(*generate_request));
  if (const auto* cancel_request = std::get_if<wire::Cancel>(&request.operation))
    return cancel(message, request.id, cancel_request->target);
  answer(message, request.id, std::move(request.operation));
}

void GatewayState::on_gone(ClientId client) {
  sessions_.client_gone(client);
  for (const RequestId number : sessions_.of_client(client)) {
    LiveRequest& request = *sessions_.find(number);
    request.gone = true;
    request.cancelled = true;
    stop(request, FinishReason::cancelled);
  }
}

void GatewayState::on_stalled(ClientId client) {
  for (const RequestId number : sessions_.of_client(client)) {
    stop(*sessions_.find(number), FinishReason::cancelled);
    end(number, wire::Error{wire::ErrorCode::too_slow,
                            "the client does not read its events, and too many wait for it",
                            {},
                            {}});
  }
}

void GatewayState::say(ClientId client, std::optional<wire::RequestId> id, wire::EventBody body) {
  auto bytes = wire::encode(wire::Event{id, std::move(body)});
  if (bytes.size() > wire::max_message_bytes)  // clients refuse it, and their connection with it
    bytes = wire::encode(wire::Event{
        std::move(id), wire::Error{wire::ErrorCode::bad_field,
                                   "the answer has " + std::to_string(bytes.size()) +
                                       " bytes, and a message at most " +
                                       std::to_string(wire::max_message_bytes) + ": ask for less",
                                   {},
                                   {}}});
  config_.to_client(client, std::move(bytes));
}

void GatewayState::refuse(ClientId client, const wire::RequestId& id, wire::ErrorCode code,
                          const std::string& message) {
  say(client, id, wire::Error{code, message, {}, {}});
}

// ---- Models ------------------------------------------------------------------------------------

void GatewayState::on_models(const ModelTable& models) {
  for (const auto& model : models) {
    const auto same = [&](const auto& known) { return known->scheduler == model->scheduler; };
    if (std::any_of(models_.begin(), models_.end(), same)) continue;
    for (const TokenizerActor& tokenizer : model->tokenizers) self_->monitor(tokenizer);
  }
  models_ = models;
}

void GatewayState::on_tokenizer_down(const caf::actor_addr& tokenizer) {
  for (const RequestId number : sessions_.all()) {
    const LiveRequest& request = *sessions_.find(number);
    if (request.model->tokenizers[request.tokenizer].address() != tokenizer) continue;
    self_->send(request.model->scheduler, cancel_atom::value, number, FinishReason::cancelled);
    end(number, wire::Error{wire::ErrorCode::internal,
                            "the tokenizer of model '" + request.model->name + "' ended",
                            {},
                            {}});
  }
}

std::shared_ptr<const LoadedModel> GatewayState::find_model(const ClientMessage& message,
                                                            const wire::RequestId& id,
                                                            const std::string& model) {
  if (model.empty() && models_.size() == 1) return models_.front();
  std::string names;
  for (const auto& loaded : models_) {
    if (loaded->name == model) return loaded;
    names += (names.empty() ? "" : ", ") + loaded->name;
  }
  const std::string loaded = names.empty() ? "no model is loaded" : "loaded are: " + names;
  refuse(message.from.client, id, wire::ErrorCode::not_found,
         model.empty() ? "model: " + (names.empty() ? loaded : "it must be named; " + loaded)
                       : "model: '" + model + "' is not loaded; " + loaded);
  return nullptr;
}

// ---- The end -----------------------------------------------------------------------------------

caf::result<pong_atom> GatewayState::drain(std::int64_t deadline_ms) {
  draining_ = true;
  drained_.push_back(self_->make_response_promise<pong_atom>());
  self_->delayed_send(GatewaySelf(self_), std::chrono::milliseconds(deadline_ms),
                      drain_atom::value);
  const auto promise = drained_.back();
  check_drained();
  return promise;
}

void GatewayState::on_deadline() {
  for (const RequestId number : sessions_.all()) {
    stop(*sessions_.find(number), FinishReason::aborted);
    end(number, wire::Error{wire::ErrorCode::shutdown,
                            "the daemon stops, and the answer did not end in time",
                            {},
                            {}});
  }
  check_drained();
}

void GatewayState::check_drained() {
  if (!draining_ || !sessions_.empty()) return;
  for (auto& promise : drained_) promise.deliver(pong_atom::value);
  drained_.clear();
}

GatewayActor spawn_gateway(caf::actor_system& system, GatewayConfig config, CatalogActor catalog,
                           MonitorActor monitor) {
  const auto behaviour = [](GatewayState::Self self, GatewayConfig config, CatalogActor catalog,
                            MonitorActor monitor) {
    return self->state.start(self, std::move(config), std::move(catalog), std::move(monitor));
  };
  return system.spawn(behaviour, std::move(config), std::move(catalog), std::move(monitor));
}

}  // namespace nanoflow
