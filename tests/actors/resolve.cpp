#include "actors/resolve.hpp"

#include <boost/test/unit_test.hpp>

#include "letter_model.hpp"

namespace nanoflow {
namespace {

GenerateJob job_of(wire::Generate request, const LoadedModel& model = test::letter_model()) {
  return std::get<GenerateJob>(resolve(std::move(request), model, 99, {}));
}

std::string error_of(wire::Generate request) {
  const auto resolved = resolve(std::move(request), test::letter_model(), 99, {});
  const auto& error = std::get<wire::Error>(resolved);
  BOOST_TEST(bool(error.code == wire::ErrorCode::bad_field));
  return error.message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sampling_defaults)

BOOST_AUTO_TEST_CASE(are_the_protocols_where_nobody_says_more) {
  const GenerateJob job = job_of({});
  BOOST_TEST(job.batch.max_tokens == 512);
  BOOST_TEST(job.batch.n == 1);
  BOOST_TEST(job.batch.sampling->temperature == 1.0F);
  BOOST_TEST(job.batch.sampling->top_k == 0);
  BOOST_TEST(job.batch.sampling->top_p == 1.0F);
  BOOST_TEST(job.batch.sampling->repetition_penalty == 1.0F);
  BOOST_TEST(job.batch.sampling->logprobs == -1);
  BOOST_TEST(job.batch.sampling->seed == 99u);
  BOOST_TEST(!job.batch.deadline.has_value());
  BOOST_TEST(job.skip_special);
}

BOOST_AUTO_TEST_CASE(are_the_models_before_the_protocols_and_the_requests_before_both) {
  LoadedModel model = test::letter_model();
  model.defaults.temperature = 0.5F;
  model.defaults.top_k = 20;
  wire::Generate request;
  request.sampling.temperature = 0.0;
  const GenerateJob job = job_of(request, model);
  BOOST_TEST(job.batch.sampling->temperature == 0.0F);
  BOOST_TEST(job.batch.sampling->top_k == 20);
}

BOOST_AUTO_TEST_CASE(end_an_answer_at_the_models_tokens_unless_those_are_ignored) {
  LoadedModel model = test::letter_model();
  model.defaults.end_tokens = {3, 200};
  wire::Generate request;
  request.sampling.stop_token_ids = {5};
  // Not those that only the tokenizer names: the model may have no row for them.
  BOOST_TEST(!model.tokenizer->end_tokens().empty());
  BOOST_TEST(job_of(request, model).batch.stop_tokens == (std::vector<TokenId>{3, 5, 200}),
             boost::test_tools::per_element());
  request.sampling.ignore_eos = true;
  BOOST_TEST(job_of(request, model).batch.stop_tokens == (std::vector<TokenId>{5}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(leave_room_for_min_tokens) {
  wire::Generate request;
  request.sampling.min_tokens = 600;
  BOOST_TEST(job_of(request).batch.max_tokens == 600);
}

BOOST_AUTO_TEST_CASE(turn_a_timeout_into_a_deadline) {
  wire::Generate request;
  request.timeout_ms = 1500;
  const Clock::time_point now{std::chrono::seconds(10)};
  const auto job = std::get<GenerateJob>(resolve(std::move(request), test::letter_model(), 0, now));
  BOOST_TEST((*job.batch.deadline - now == std::chrono::milliseconds(1500)));
}

BOOST_AUTO_TEST_CASE(refuse_ids_outside_the_vocabulary_by_field_value_and_limit) {
  wire::Generate request;
  request.input = std::vector<wire::Token>{1, 257};
  std::string message = error_of(request);
  BOOST_TEST(message.find("tokens[1]: 257") != std::string::npos);
  BOOST_TEST(message.find("0 to 256") != std::string::npos);
  request.input = std::string("a");
  request.sampling.stop_token_ids = {300};
  BOOST_TEST(error_of(request).find("stop_token_ids[0]: 300") != std::string::npos);
  request.sampling.stop_token_ids = {};
  request.sampling.logit_bias = {{400, 1.0}};
  BOOST_TEST(error_of(request).find("logit_bias: 400") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
