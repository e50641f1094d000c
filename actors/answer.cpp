#include "actors/answer.hpp"

namespace nanoflow {
namespace {

wire::Logprob to_wire(TokenId token, const TokenLogprobs& logprobs) {
  return {token, logprobs.logprob, logprobs.top};
}

}  // namespace

Answer::Answer(std::shared_ptr<const GenerateJob> job, const Tokenizer& tokenizer)
    : job_(std::move(job)) {
  // Stop strings do not count before min_tokens, so that the decoder learns of them later.
  const bool at_once = job_->batch.sampling->min_tokens == 0;
  for (int choice = 0; choice < job_->batch.n; ++choice) {
    choices_.push_back({.decoder = {tokenizer,
                                    {.stop = at_once ? job_->stop : std::vector<std::string>(),
                                     .include_stop = job_->include_stop,
                                     .skip_special = job_->skip_special}}});
    choices_.back().news.choice = choice;
  }
}

bool Answer::push(const TokenEvent& event) {
  Choice& choice = choices_.at(std::size_t(event.choice));
  if (choice.stopped || choice.ended) return false;
  const IncrementalDecoder::Piece piece = choice.decoder.push(event.token);
  choice.news.tokens.push_back(event.token);
  choice.news.text += piece.text;
  if (event.logprobs) choice.news.logprobs.push_back(to_wire(event.token, *event.logprobs));
  ++choice.n_tokens;
  choice.stopped = piece.stopped;
  choice.ended = piece.stopped || event.finish;
  if (event.finish && !piece.stopped) choice.news.text += choice.decoder.finish();
  if (choice.n_tokens == job_->batch.sampling->min_tokens) choice.decoder.set_stop(job_->stop);
  return piece.stopped;
}

std::vector<wire::Tokens> Answer::take() {
  std::vector<wire::Tokens> all;
  for (Choice& choice : choices_) {
    wire::Tokens& news = choice.news;
    if (news.tokens.empty() && news.text.empty()) continue;
    const int next = news.index + int(news.tokens.size());
    if (job_->stream) {
      all.push_back(std::move(news));
    } else {
      wire::Choice& whole = choice.whole;
      whole.text += news.text;
      whole.tokens.insert(whole.tokens.end(), news.tokens.begin(), news.tokens.end());
      whole.logprobs.insert(whole.logprobs.end(), news.logprobs.begin(), news.logprobs.end());
    }
    const int number = int(&choice - choices_.data());
    news = {};
    news.index = next;
    news.choice = number;
  }
  return all;
}

void Answer::flush() {
  for (Choice& choice : choices_) {
    if (!choice.ended) choice.news.text += choice.decoder.finish();
    choice.ended = true;
  }
}

wire::EventBody Answer::end(const Finished& finished, const wire::Cost& cost) const {
  if (finished.reason == FinishReason::aborted)
    return wire::Error{wire::ErrorCode::shutdown,
                       "the request was ended: its model is unloaded, or the daemon stops",
                       {},
                       {}};
  if (finished.reason == FinishReason::failed)
    return wire::Error{wire::ErrorCode::internal,
                       "the model computed no finite logit for the next token: its weights may be "
                       "damaged, or sampling options left no token",
                       {},
                       {}};
  wire::Done done;
  done.whole = !job_->stream;
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    const Choice& choice = choices_[i];
    done.choices.push_back(choice.whole);
    // A stop string is found here, a few tokens after the scheduler went on.
    const FinishReason reason = choice.stopped
                                    ? FinishReason::stop
                                    : finished.choices.at(i).reason.value_or(finished.reason);
    done.choices.back().finish_reason = to_string(reason);
    done.choices.back().completion_tokens = choice.n_tokens;
    done.usage.completion_tokens += choice.n_tokens;
  }
  // Of the first choice, but for an end that came to the whole request.
  const bool cut =
      finished.reason == FinishReason::cancelled || finished.reason == FinishReason::timeout;
  done.finish_reason =
      cut && choices_.size() > 1 ? to_string(finished.reason) : done.choices[0].finish_reason;
  done.usage.prompt_tokens = finished.prompt_tokens;
  done.usage.cached_tokens = finished.cached_tokens;
  done.timing = {finished.queue_ms, finished.prefill_ms, finished.decode_ms, finished.total_ms};
  done.cost = cost;
  return done;
}

}  // namespace nanoflow
