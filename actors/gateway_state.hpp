// The gateway's inside: gateway.cpp has its life and its clients', gateway_generate.cpp the
// requests that stream, gateway_questions.cpp all other operations.
#pragma once
#include <random>

#include "actors/gateway.hpp"
#include "actors/loaded_model.hpp"
#include "actors/sessions.hpp"

namespace nanoflow {

/// With what the gateway is told by its own helpers.
using GatewaySelf = GatewayActor::extend<
    // Of a load: question, bytes done and in all.
    reacts_to<progress_atom, std::uint64_t, std::uint64_t, std::uint64_t>,
    // The time to drain is over.
    reacts_to<drain_atom>>;

class GatewayState {
 public:
  static constexpr const char* name = "gateway";
  using Self = GatewaySelf::stateful_pointer<GatewayState>;

  GatewaySelf::behavior_type start(Self self, GatewayConfig config, CatalogActor catalog,
                                   MonitorActor monitor);

 private:
  // Clients.
  void on_message(const ClientMessage& message);
  void on_gone(ClientId client);
  void on_stalled(ClientId client);
  void say(ClientId client, std::optional<wire::RequestId> id, wire::EventBody body);
  void refuse(ClientId client, const wire::RequestId& id, wire::ErrorCode code,
              const std::string& message);

  // Models.
  void on_models(const ModelTable& models);
  void on_tokenizer_down(const caf::actor_addr& tokenizer);
  /// By name, or the only one there is; null: the client was told.
  std::shared_ptr<const LoadedModel> find_model(const ClientMessage& message,
                                                const wire::RequestId& id,
                                                const std::string& model);

  // Requests that stream.
  void generate(const ClientMessage& message, const wire::RequestId& id, wire::Generate request);
  void cancel(const ClientMessage& message, const wire::RequestId& id,
              const wire::RequestId& target);
  void on_event(const RequestEvent& event);
  void stop(const LiveRequest& request, FinishReason reason);  // at its tokenizer
  void end(RequestId number, wire::EventBody body);            // and nothing follows
  void record(const LiveRequest& request, const wire::EventBody& body);
  void tokenised(LiveRequest& request);

  // Everything else: an answer at once, or a question to another actor.
  void answer(const ClientMessage& message, const wire::RequestId& id, wire::Operation operation);
  std::optional<std::uint64_t> ask(const ClientMessage& message, const wire::RequestId& id);
  void tell(std::uint64_t question, wire::EventBody body);
  void text(const ClientMessage& message, const wire::RequestId& id, TokenizeJob job,
            const std::string& model);
  void models(const ClientMessage& message, const wire::RequestId& id, bool available);
  void load(const ClientMessage& message, const wire::RequestId& id, wire::Load load);
  void unload(const ClientMessage& message, const wire::RequestId& id, const std::string& model);
  void status(const ClientMessage& message, const wire::RequestId& id);
  void metrics(const ClientMessage& message, const wire::RequestId& id);
  void trace(const ClientMessage& message, const wire::RequestId& id, double seconds);
  void plan(const ClientMessage& message, const wire::RequestId& id, bool explain);
  bool is_admin(const ClientMessage& message, const wire::RequestId& id, const char* what);
  void on_load_progress(std::uint64_t question, std::uint64_t done, std::uint64_t total);
  /// Through every model's scheduler and streams; nullptr: an error it ended with.
  void ping(std::function<void(const caf::error*)> done);

  // The end.
  caf::result<pong_atom> drain(std::int64_t deadline_ms);
  void on_deadline();
  void check_drained();

  Self self_ = nullptr;
  GatewayConfig config_;
  CatalogActor catalog_;
  MonitorActor monitor_;
  ModelTable models_;
  Sessions sessions_;
  Admissions admissions_{{}};
  RequestId next_number_ = 1;
  std::mt19937_64 seeds_{std::random_device{}()};
  bool draining_ = false;
  std::vector<caf::typed_response_promise<pong_atom>> drained_;
};

}  // namespace nanoflow
