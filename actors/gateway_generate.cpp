// The requests that stream: from admission to the one event that ends each.
#include "actors/gateway_state.hpp"
#include "actors/resolve.hpp"

namespace nanoflow {
namespace {

std::size_t text_bytes(const wire::Generate& request) {
  if (const auto* prompt = std::get_if<std::string>(&request.input)) return prompt->size();
  std::size_t bytes = 0;
  if (const auto* messages = std::get_if<std::vector<wire::Message>>(&request.input))
    for (const wire::Message& message : *messages) bytes += message.content.size();
  return bytes;
}

wire::Error too_much_text() {
  return {wire::ErrorCode::overloaded,
          "too much text waits to be tokenised; the limit is " +
              std::to_string(Admissions::max_text_bytes >> 20) + " MiB of all requests",
          {},
          1000};
}

/// An end that crossed the request's cancel is the cancel's.
wire::EventBody as_cancelled(wire::EventBody body) {
  if (auto* done = std::get_if<wire::Done>(&body)) {
    done->finish_reason = "cancelled";
    if (done->choices.size() == 1) done->choices[0].finish_reason = "cancelled";
    return body;
  }
  wire::Done done;
  done.finish_reason = "cancelled";
  done.choices.emplace_back().finish_reason = "cancelled";
  return done;
}

double ms_between(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double, std::milli>(end - begin).count();
}

}  // namespace

void GatewayState::generate(const ClientMessage& message, const wire::RequestId& id,
                            wire::Generate request) {
  const ClientId client = message.from.client;
  if (draining_)
    return refuse(client, id, wire::ErrorCode::shutdown,
                  "the daemon stops and takes no new requests");
  const auto model = find_model(message, id, request.model);
  if (!model) return;
  if (auto error = admissions_.refuse(model->name, request.max_tpot_ms))
    return say(client, id, *error);
  const std::size_t bytes = text_bytes(request);
  if (!admissions_.has_room_for_text(bytes)) return say(client, id, too_much_text());
  const auto now = Clock::now();
  auto resolved = resolve(std::move(request), *model, seeds_(), now);
  if (const auto* error = std::get_if<wire::Error>(&resolved)) return say(client, id, *error);

  auto job = std::make_shared<GenerateJob>(std::get<GenerateJob>(std::move(resolved)));
  job->request = job->batch.id = next_number_++;
  job->batch.client = message.from.client;
  LiveRequest live;
  live.number = job->request;
  live.owner = message.from;
  live.id = id;
  live.model = model;
  live.tokenizer = sessions_.least_busy_tokenizer(*model);
  live.stream = job->stream;
  live.text_bytes = bytes;
  live.begin = now;
  admissions_.started(model->name);
  admissions_.add_text(bytes);
  const LiveRequest& added = sessions_.add(std::move(live));
  self_->send(model->tokenizers[added.tokenizer], GenerateJobPtr(std::move(job)),
              EventSinkActor(GatewaySelf(self_)));
}

void GatewayState::cancel(const ClientMessage& message, const wire::RequestId& id,
                          const wire::RequestId& target) {
  LiveRequest* request = sessions_.find_target(message.from, target);
  if (!request)
    return refuse(message.from.client, id, wire::ErrorCode::not_found,
                  "target: no request " + wire::to_string(target) + " of this user runs");
  request->cancelled = true;
  stop(*request, FinishReason::cancelled);
  say(message.from.client, id, wire::Ok{});
}

void GatewayState::stop(const LiveRequest& request, FinishReason reason) {
  self_->send(request.model->tokenizers[request.tokenizer], cancel_atom::value, request.number,
              reason);
}

void GatewayState::on_event(const RequestEvent& event) {
  LiveRequest* request = sessions_.find(event.request);
  if (!request) return;  // it was ended here, for one that does not read or at the end of a drain
  tokenised(*request);
  if (std::holds_alternative<wire::Done>(event.body) ||
      std::holds_alternative<wire::Error>(event.body))
    return end(event.request, event.body);
  if (const auto* accepted = std::get_if<wire::Accepted>(&event.body))
    request->prompt_tokens = accepted->prompt_tokens;
  if (std::holds_alternative<wire::Tokens>(event.body) && !request->first_token)
    request->first_token = Clock::now();
  if (request->stream && !request->gone) say(request->owner.client, request->id, event.body);
}

void GatewayState::tokenised(LiveRequest& request) {
  admissions_.remove_text(request.text_bytes);
  request.text_bytes = 0;
}

void GatewayState::end(RequestId number, wire::EventBody body) {
  LiveRequest& request = *sessions_.find(number);
  tokenised(request);
  const auto* failed = std::get_if<wire::Error>(&body);
  const bool forced = failed && (failed->code == wire::ErrorCode::shutdown ||
                                 failed->code == wire::ErrorCode::too_slow);
  if (request.cancelled && !forced) body = as_cancelled(std::move(body));
  if (auto* error = std::get_if<wire::Error>(&body);
      error && error->code == wire::ErrorCode::overloaded && !error->retry_after_ms)
    error->retry_after_ms = admissions_.retry_after_ms(request.model->name);
  admissions_.ended(request.model->name, std::get_if<wire::Done>(&body));
  record(request, body);
  if (!request.gone) say(request.owner.client, request.id, std::move(body));
  sessions_.erase(number);
  check_drained();
}

void GatewayState::record(const LiveRequest& request, const wire::EventBody& body) {
  RequestRecord record;
  record.request = request.number;
  record.user = request.owner.user;
  record.model = request.model->name;
  record.prompt_tokens = request.prompt_tokens;
  record.total_ms = ms_between(request.begin, Clock::now());
  if (request.first_token) record.ttft_ms = ms_between(request.begin, *request.first_token);
  if (const auto* error = std::get_if<wire::Error>(&body)) {
    record.finish = wire::to_string(error->code);
  } else {
    const auto& done = std::get<wire::Done>(body);
    record.finish = done.finish_reason;
    record.cached_tokens = done.usage.cached_tokens;
    record.completion_tokens = done.usage.completion_tokens;
    if (!request.first_token) record.ttft_ms = done.timing.queue_ms + done.timing.prefill_ms;
    record.tokens_per_s = wire::decode_rate(done);
  }
  self_->send(monitor_, std::make_shared<const RequestRecord>(std::move(record)));
}

}  // namespace nanoflow
