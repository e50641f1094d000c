// Every operation but generate and cancel: answered at once, or asked of the actor that knows.
#include "actors/answers.hpp"
#include "actors/errors.hpp"
#include "actors/gateway_state.hpp"
#include "actors/resolve.hpp"

namespace nanoflow {
namespace {

/// A load may take minutes, and a step of a large batch on a slow device seconds.
constexpr auto answer_time = std::chrono::seconds(30);

wire::Error internal_error(const caf::error& error) {
  return {wire::ErrorCode::internal, explain(error), {}, {}};
}

/// Tells the gateway how far a load is, a few times a second.
LoadProgressActor::behavior_type load_progress(LoadProgressActor::pointer self, GatewaySelf gateway,
                                               std::uint64_t question) {
  auto next = std::make_shared<Clock::time_point>();
  return {[self, gateway, question, next](progress_atom, std::uint64_t done, std::uint64_t total) {
    const auto now = Clock::now();
    if (now < *next && done < total) return;
    *next = now + std::chrono::milliseconds(100);
    self->send(gateway, progress_atom::value, question, done, total);
  }};
}

}  // namespace

void GatewayState::answer(const ClientMessage& message, const wire::RequestId& id,
                          wire::Operation operation) {
  const ClientId client = message.from.client;
  const auto on = [&](auto& request) {
    using Asked = std::decay_t<decltype(request)>;
    if constexpr (std::is_same_v<Asked, wire::Hello>) {
      say(client, id, wire::Ok{hello_answer(config_.server, models_, admissions_.limits())});
    } else if constexpr (std::is_same_v<Asked, wire::Tokenize> ||
                         std::is_same_v<Asked, wire::Detokenize> ||
                         std::is_same_v<Asked, wire::ApplyTemplate>) {
      const std::string model = request.model;
      text(message, id, TokenizeJob{std::move(request)}, model);
    } else if constexpr (std::is_same_v<Asked, wire::Models>) {
      models(message, id, request.available);
    } else if constexpr (std::is_same_v<Asked, wire::Load>) {
      load(message, id, std::move(request));
    } else if constexpr (std::is_same_v<Asked, wire::Unload>) {
      unload(message, id, request.name);
    } else if constexpr (std::is_same_v<Asked, wire::Plan>) {
      plan(message, id, request.explain);
    } else if constexpr (std::is_same_v<Asked, wire::Trace>) {
      trace(message, id, request.seconds);
    } else if constexpr (std::is_same_v<Asked, wire::Status>) {
      status(message, id);
    } else if constexpr (std::is_same_v<Asked, wire::Metrics>) {
      metrics(message, id);
    } else if constexpr (std::is_same_v<Asked, wire::Ping>) {
      if (const auto question = ask(message, id))
        ping([this, question = *question](const caf::error* error) {
          tell(question, error ? wire::EventBody(internal_error(*error)) : wire::Ok{});
        });
    }
  };
  std::visit(on, operation);
}

std::optional<std::uint64_t> GatewayState::ask(const ClientMessage& message,
                                               const wire::RequestId& id) {
  const auto question = sessions_.ask(message.from.client, id);
  if (!question)
    say(message.from.client, id,
        wire::Error{wire::ErrorCode::overloaded,
                    "too many questions wait for an answer; the limit is " +
                        std::to_string(Sessions::max_questions),
                    {},
                    100});
  return question;
}

void GatewayState::tell(std::uint64_t question, wire::EventBody body) {
  if (auto asked = sessions_.answered(question))
    say(asked->client, std::move(asked->id), std::move(body));
}

void GatewayState::text(const ClientMessage& message, const wire::RequestId& id, TokenizeJob job,
                        const std::string& model_name) {
  const auto model = find_model(message, id, model_name);
  if (!model) return;
  if (const auto* detokenize = std::get_if<wire::Detokenize>(&job.request))
    if (auto error = check_tokens("tokens", detokenize->tokens, *model))
      return say(message.from.client, id, *error);
  const std::size_t bytes = message.bytes->size();
  if (!admissions_.has_room_for_text(bytes))
    return refuse(message.from.client, id, wire::ErrorCode::overloaded,
                  "too much text waits to be tokenised");
  const auto question = ask(message, id);
  if (!question) return;
  admissions_.add_text(bytes);
  const auto& tokenizer = model->tokenizers[sessions_.least_busy_tokenizer(*model)];
  self_->request(tokenizer, caf::infinite, std::make_shared<const TokenizeJob>(std::move(job)))
      .then(
          [this, question = *question, bytes](const TextAnswerPtr& answer) {
            admissions_.remove_text(bytes);
            tell(question, answer->error ? wire::EventBody(*answer->error)
                                         : wire::EventBody(wire::Ok{answer->fields}));
          },
          [this, question = *question, bytes](const caf::error& error) {
            admissions_.remove_text(bytes);
            tell(question, internal_error(error));
          });
}

void GatewayState::models(const ClientMessage& message, const wire::RequestId& id, bool available) {
  if (!available) return say(message.from.client, id, wire::Ok{models_answer(models_)});
  const auto question = ask(message, id);
  if (!question) return;
  self_->request(catalog_, answer_time, list_atom::value)
      .then(
          [this, question = *question](const AvailablePtr& list) {
            tell(question, wire::Ok{models_answer(models_, *list)});
          },
          [this, question = *question](const caf::error& error) {
            tell(question, internal_error(error));
          });
}

bool GatewayState::is_admin(const ClientMessage& message, const wire::RequestId& id,
                            const char* what) {
  if (message.from.admin) return true;
  refuse(message.from.client, id, wire::ErrorCode::bad_field,
         std::string(what) + ": only root and members of the group '" + config_.admin_group +
             "' may " + what + " models; user '" + message.from.user +
             "' is none (sudo usermod -aG " + config_.admin_group + " USER)");
  return false;
}

void GatewayState::load(const ClientMessage& message, const wire::RequestId& id, wire::Load load) {
  if (!is_admin(message, id, "load")) return;
  if (draining_)
    return refuse(message.from.client, id, wire::ErrorCode::shutdown, "the daemon stops");
  const auto question = ask(message, id);
  if (!question) return;
  // Unanswered questions of the client's hear of progress only where it asked for that.
  const std::uint64_t told = load.progress ? *question : 0;
  const LoadProgressActor progress = self_->spawn(load_progress, GatewaySelf(self_), told);
  auto job = std::make_shared<const LoadJob>(LoadJob{std::move(load), message.from.client});
  self_->request(catalog_, caf::infinite, LoadJobPtr(std::move(job)), progress)
      .then(
          [this, question = *question](const LoadOutcomePtr& outcome) {
            tell(question, outcome->error ? wire::EventBody(*outcome->error)
                                          : wire::EventBody(wire::Ok{models_answer(models_)}));
          },
          [this, question = *question](const caf::error& error) {
            tell(question, internal_error(error));
          });
}

void GatewayState::on_load_progress(std::uint64_t question, std::uint64_t done,
                                    std::uint64_t total) {
  const auto asked = sessions_.question(question);
  if (!asked) return;
  wire::Progress progress;
  progress.state = "loading";
  progress.done_bytes = done;
  progress.total_bytes = total;
  say(asked->client, asked->id, progress);
}

void GatewayState::unload(const ClientMessage& message, const wire::RequestId& id,
                          const std::string& model) {
  if (!is_admin(message, id, "unload")) return;
  const auto question = ask(message, id);
  if (!question) return;
  self_->request(catalog_, answer_time, unload_atom::value, model)
      .then(
          [this, question = *question](const std::string& error) {
            tell(question, error.empty() ? wire::EventBody(wire::Ok{models_answer(models_)})
                                         : wire::Error{wire::ErrorCode::not_found, error, {}, {}});
          },
          [this, question = *question](const caf::error& error) {
            tell(question, internal_error(error));
          });
}

void GatewayState::status(const ClientMessage& message, const wire::RequestId& id) {
  const auto question = ask(message, id);
  if (!question) return;
  self_->request(monitor_, answer_time, status_atom::value)
      .then(
          [this, question = *question](const StatusReportPtr& report) {
            tell(question, wire::Ok{status_answer(report->fields, sessions_)});
          },
          [this, question = *question](const caf::error& error) {
            tell(question, internal_error(error));
          });
}

void GatewayState::metrics(const ClientMessage& message, const wire::RequestId& id) {
  const auto question = ask(message, id);
  if (!question) return;
  self_->request(monitor_, answer_time, metrics_atom::value)
      .then(
          [this, question = *question](const std::string& text) {
            tell(question, wire::Ok{{{"text", text}}});
          },
          [this, question = *question](const caf::error& error) {
            tell(question, internal_error(error));
          });
}

void GatewayState::trace(const ClientMessage& message, const wire::RequestId& id, double seconds) {
  const auto question = ask(message, id);
  if (!question) return;
  self_->request(monitor_, caf::infinite, trace_atom::value, seconds)
      .then(
          [this, question = *question](const JsonPtr& trace) { tell(question, wire::Ok{*trace}); },
          [this, question = *question](const caf::error& error) {
            tell(question, internal_error(error));
          });
}

void GatewayState::plan(const ClientMessage& message, const wire::RequestId& id, bool explain) {
  if (models_.empty()) return say(message.from.client, id, wire::Ok{});
  const auto question = ask(message, id);
  if (!question) return;
  const auto tables = std::make_shared<wire::Json>(wire::Json::object());
  const auto left = std::make_shared<std::size_t>(models_.size());
  // One model's table is the answer; those of several stand under their names.
  const auto done = [this, question = *question, tables, left] {
    if (--*left > 0) return;
    tell(question, wire::Ok{tables->size() == 1 ? tables->front() : *tables});
  };
  for (const auto& model : models_)
    self_->request(model->executor, answer_time, plan_atom::value, explain)
        .then(
            [tables, done, name = model->name](const JsonPtr& table) {
              (*tables)[name] = *table;
              done();
            },
            [tables, done, name = model->name](const caf::error& error) {
              (*tables)[name] = {{"error", nanoflow::explain(error)}};
              done();
            });
}

void GatewayState::ping(std::function<void(const caf::error*)> done) {
  if (models_.empty()) return done(nullptr);
  const auto left = std::make_shared<std::size_t>(models_.size());
  const auto failed = std::make_shared<bool>(false);
  for (const auto& model : models_)
    self_->request(model->scheduler, answer_time, ping_atom::value)
        .then(
            [left, failed, done](pong_atom) {
              if (--*left == 0 && !*failed) done(nullptr);
            },
            [left, failed, done](const caf::error& error) {
              --*left;
              if (!*failed) done(&error);
              *failed = true;
            });
}

}  // namespace nanoflow
