#include "actors/resolve.hpp"

#include <algorithm>

namespace nanoflow {
namespace {

wire::Error unknown_token(const std::string& field, wire::Token token, const LoadedModel& model) {
  return {wire::ErrorCode::bad_field,
          field + ": " + std::to_string(token) + " is no token of model '" + model.name +
              "'; its vocabulary is 0 to " + std::to_string(model.vocab_size - 1),
          {},
          {}};
}

bool is_token(wire::Token token, const LoadedModel& model) {
  return token >= 0 && token < model.vocab_size;
}

std::optional<wire::Error> check_ids(const wire::Generate& request, const LoadedModel& model) {
  if (const auto* tokens = std::get_if<std::vector<wire::Token>>(&request.input))
    if (auto error = check_tokens("tokens", *tokens, model)) return error;
  const wire::Sampling& sampling = request.sampling;
  if (auto error = check_tokens("stop_token_ids", sampling.stop_token_ids, model)) return error;
  for (const auto& [token, bias] : sampling.logit_bias)
    if (!is_token(token, model)) return unknown_token("logit_bias", token, model);
  return {};
}

/// Every id that ends an answer: the model's, unless they are to be ignored, and the request's.
std::vector<TokenId> end_tokens(const wire::Sampling& sampling, const LoadedModel& model) {
  std::vector<TokenId> all = sampling.stop_token_ids;
  if (!sampling.ignore_eos.value_or(false))
    all.insert(all.end(), model.defaults.end_tokens.begin(), model.defaults.end_tokens.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

SamplingParams sampling_params(const wire::Sampling& sampling, const LoadedModel& model,
                               std::uint64_t random_seed) {
  const GenerationDefaults& defaults = model.defaults;
  const auto number = [](std::optional<double> asked, std::optional<float> of_model,
                         float otherwise) {
    return asked ? float(*asked) : of_model.value_or(otherwise);
  };
  SamplingParams params;
  params.temperature = number(sampling.temperature, defaults.temperature, params.temperature);
  params.top_k = sampling.top_k.value_or(defaults.top_k.value_or(params.top_k));
  params.top_p = number(sampling.top_p, defaults.top_p, params.top_p);
  params.min_p = number(sampling.min_p, defaults.min_p, params.min_p);
  params.presence_penalty = number(sampling.presence_penalty, {}, params.presence_penalty);
  params.frequency_penalty = number(sampling.frequency_penalty, {}, params.frequency_penalty);
  params.repetition_penalty =
      number(sampling.repetition_penalty, defaults.repetition_penalty, params.repetition_penalty);
  params.seed = sampling.seed.value_or(random_seed);
  params.logprobs = sampling.logprobs.value_or(params.logprobs);
  for (const auto& [token, bias] : sampling.logit_bias)
    params.logit_bias.emplace_back(token, float(bias));
  params.min_tokens = sampling.min_tokens.value_or(0);
  params.end_tokens = end_tokens(sampling, model);
  return params;
}

}  // namespace

std::optional<wire::Error> check_tokens(std::string_view field,
                                        const std::vector<wire::Token>& tokens,
                                        const LoadedModel& model) {
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (!is_token(tokens[i], model))
      return unknown_token(std::string(field) + "[" + std::to_string(i) + "]", tokens[i], model);
  return {};
}

std::variant<GenerateJob, wire::Error> resolve(wire::Generate&& request, const LoadedModel& model,
                                               std::uint64_t random_seed, Clock::time_point now) {
  if (auto error = check_ids(request, model)) return *error;
  wire::Sampling& sampling = request.sampling;
  const auto params =
      std::make_shared<const SamplingParams>(sampling_params(sampling, model, random_seed));
  GenerateJob job;
  job.batch.n = sampling.n.value_or(1);
  job.batch.max_tokens = wire::token_limit(sampling);
  job.batch.sampling = params;
  job.batch.stop_tokens = params->end_tokens;
  job.batch.priority = request.priority;
  job.batch.salt = std::move(request.cache_salt);
  if (request.max_tpot_ms) job.batch.max_tpot = std::chrono::milliseconds(*request.max_tpot_ms);
  if (request.timeout_ms) job.batch.deadline = now + std::chrono::milliseconds(*request.timeout_ms);
  job.input = std::move(request.input);
  job.stop = std::move(sampling.stop);
  job.include_stop = sampling.include_stop_str_in_output.value_or(false);
  job.skip_special = sampling.skip_special_tokens.value_or(true);
  job.stream = request.stream;
  return job;
}

}  // namespace nanoflow
