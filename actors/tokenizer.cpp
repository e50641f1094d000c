#include "actors/tokenizer.hpp"

#include <unordered_map>
#include <utility>

#include "actors/answer.hpp"
#include "actors/encode.hpp"
#include "actors/errors.hpp"
#include "actors/request_cost.hpp"

namespace nanoflow {
namespace {

struct TokenizerState {
  static constexpr const char* name = "tokenizer";

  struct Live {
    EventSinkActor sink;
    Answer answer;
    bool has_news = false;  // tokens that nobody was told of
  };
  std::shared_ptr<const LoadedModel> model;
  std::unordered_map<RequestId, Live> live;
};

using Self = TokenizerActor::stateful_pointer<TokenizerState>;

wire::Error internal_error(const std::string& message) {
  return {wire::ErrorCode::internal, message, {}, {}};
}

/// Events for each sink, in one message.
class Outbox {
 public:
  explicit Outbox(Self self) : self_(self) {}
  void add(const EventSinkActor& sink, RequestId request, wire::EventBody body) {
    for (auto& [known, events] : events_)
      if (known == sink) return events.push_back({request, std::move(body)});
    events_.push_back({sink, {{request, std::move(body)}}});
  }
  void add_news(TokenizerState::Live& live) {
    live.has_news = false;
    for (wire::Tokens& tokens : live.answer.take())
      add(live.sink, live.answer.job().request, std::move(tokens));
  }
  void send() {
    for (auto& [sink, events] : events_)
      self_->send(sink, std::make_shared<const RequestEvents>(std::move(events)));
  }

 private:
  Self self_;
  std::vector<std::pair<EventSinkActor, RequestEvents>> events_;
};

void end_with(Self self, RequestId request, wire::Error error) {
  const auto found = self->state.live.find(request);
  if (found == self->state.live.end()) return;
  Outbox outbox(self);
  outbox.add_news(found->second);
  outbox.add(found->second.sink, request, std::move(error));
  outbox.send();
  self->state.live.erase(found);
}

wire::Error refusal(const LoadedModel& model, const Admission& admission) {
  switch (admission.refusal) {
    case Refusal::overloaded:
      return {wire::ErrorCode::overloaded,
              std::to_string(admission.position) + " requests wait for model '" + model.name +
                  "'; the limit is " + std::to_string(model.max_waiting),
              {},
              {}};
    case Refusal::prompt_too_long:
      return {wire::ErrorCode::prompt_too_long,
              "the prompt does not fit the context of model '" + model.name + "', " +
                  std::to_string(model.context) + " tokens for prompt and answer together",
              {},
              {}};
    default:
      return internal_error("the scheduler of model '" + model.name + "' refuses the request");
  }
}

/// Ids are known: on to the scheduler. Its answer comes before its first event.
void admit(Self self, RequestId request, std::vector<TokenId> prompt) {
  const GenerateJob& job = self->state.live.at(request).answer.job();
  auto batch = std::make_shared<BatchRequest>(job.batch);
  const int prompt_tokens = int(prompt.size());
  batch->prompt = std::make_shared<const std::vector<TokenId>>(std::move(prompt));
  self->request(self->state.model->scheduler, caf::infinite, BatchRequestPtr(std::move(batch)),
                SchedulerListenerActor(TokenizerActor(self)))
      .then(
          [self, request, prompt_tokens](const AdmissionPtr& admission) {
            const auto found = self->state.live.find(request);
            if (found == self->state.live.end()) return;
            if (admission->refusal != Refusal::none)
              return end_with(self, request, refusal(*self->state.model, *admission));
            Outbox outbox(self);
            outbox.add(found->second.sink, request, wire::Accepted{prompt_tokens});
            outbox.send();
          },
          [self, request](const caf::error&) {
            end_with(self, request, internal_error("the scheduler of the model ended"));
          });
}

void start(Self self, const GenerateJobPtr& job, const EventSinkActor& sink) {
  const LoadedModel& model = *self->state.model;
  self->state.live.emplace(job->request,
                           TokenizerState::Live{sink, Answer(job, *model.tokenizer), false});
  try {
    auto prompt = encode_prompt(model, *job);
    if (auto* error = std::get_if<wire::Error>(&prompt))
      end_with(self, job->request, std::move(*error));
    else
      admit(self, job->request, std::get<std::vector<TokenId>>(std::move(prompt)));
  } catch (const std::exception& error) {  // of this request only
    end_with(self, job->request, internal_error(error.what()));
  }
}

wire::Progress to_wire(const Progress& progress) {
  wire::Progress out;
  out.state = progress.waiting ? "waiting" : "prefill";
  if (progress.waiting) {
    out.position = progress.position;
  } else {
    out.done_tokens = progress.done_tokens;
    out.prompt_tokens = progress.prompt_tokens;
  }
  return out;
}

void finish(Self self, const Finished& finished, Outbox& outbox) {
  const auto found = self->state.live.find(finished.request);
  if (found == self->state.live.end()) return;
  TokenizerState::Live& live = found->second;
  const LoadedModel& model = *self->state.model;
  live.answer.flush();
  outbox.add_news(live);
  outbox.add(live.sink, finished.request,
             live.answer.end(finished, request_cost(model.graph, model.weight_bytes, model.kv_bytes,
                                                    finished)));
  self->state.live.erase(found);
}

/// Null where the request has ended.
TokenizerState::Live* push(Self self, const TokenEvent& token) {
  TokenizerState& state = self->state;
  const auto found = state.live.find(token.request);
  if (found == state.live.end()) return nullptr;
  if (found->second.answer.push(token))
    self->send(state.model->scheduler, stop_atom::value, token.request, token.choice,
               token.index + 1);
  return &found->second;
}

void on_step(Self self, const SchedulerEvents& events) {
  std::vector<TokenizerState::Live*> with_news;
  for (const TokenEvent& token : events.step.tokens)
    if (auto* live = push(self, token); live && !std::exchange(live->has_news, true))
      with_news.push_back(live);
  Outbox outbox(self);
  for (auto* live : with_news) outbox.add_news(*live);
  for (const Finished& finished : events.step.finished) finish(self, finished, outbox);
  for (const Progress& progress : events.progress) {
    const auto found = self->state.live.find(progress.request);
    if (found != self->state.live.end() && found->second.answer.job().stream)
      outbox.add(found->second.sink, progress.request, to_wire(progress));
  }
  outbox.send();
}

void on_scheduler_down(Self self) {
  while (!self->state.live.empty())
    end_with(self, self->state.live.begin()->first,
             internal_error("the scheduler of model '" + self->state.model->name + "' ended"));
  self->quit();
}

TokenizerActor::behavior_type tokenizer(Self self, std::shared_ptr<const LoadedModel> model) {
  end_on_exceptions(self);
  self->state.model = std::move(model);
  self->monitor(self->state.model->scheduler);
  self->set_down_handler([self](const caf::down_msg&) { on_scheduler_down(self); });
  return {
      [self](const GenerateJobPtr& job, const EventSinkActor& sink) { start(self, job, sink); },
      [self](cancel_atom, RequestId request, FinishReason reason) {
        if (self->state.live.contains(request))
          self->send(self->state.model->scheduler, cancel_atom::value, request, reason);
      },
      [self](const SchedulerEventsPtr& events) { on_step(self, *events); },
      [self](const TokenizeJobPtr& job) {
        return std::make_shared<const TextAnswer>(answer_text(*self->state.model, *job));
      },
  };
}

}  // namespace

TokenizerActor spawn_tokenizer(caf::actor_system& system,
                               std::shared_ptr<const LoadedModel> model) {
  return system.spawn(tokenizer, std::move(model));
}

}  // namespace nanoflow
