#include "actors/scheduler.hpp"

#include "tests/actors/one_model.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

BOOST_AUTO_TEST_SUITE(scheduler)

namespace {

std::shared_ptr<const SamplingParams> sampling(std::uint64_t seed,
                                               std::vector<std::pair<TokenId, float>> bias = {},
                                               std::vector<TokenId> end_tokens = {}) {
  SamplingParams sampling;
  sampling.seed = seed;
  sampling.logit_bias = std::move(bias);
  sampling.end_tokens = std::move(end_tokens);
  return std::make_shared<const SamplingParams>(std::move(sampling));
}

BatchRequest request(RequestId id, int n_prompt, int max_tokens) {
  std::vector<TokenId> prompt;
  for (int i = 0; i < n_prompt; ++i)
    prompt.push_back(static_cast<TokenId>((static_cast<int>(id) * 31 + i * 7) % vocab_size));
  return {.id = id,
          .prompt = std::make_shared<const std::vector<TokenId>>(std::move(prompt)),
          .max_tokens = max_tokens,
          .sampling = sampling(id),
          .stop_tokens = {},
          .salt = {},
          .deadline = {},
          .max_tpot = {}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_request_gets_the_tokens_that_it_would_get_alone) {
  World world(1);
  OneModel model(world, {});
  const auto asked = request(1, 40, 20);
  model.admit(asked);
  world.run();
  const auto& answer = model.recorded->answers.at(1);
  BOOST_TEST(answer.tokens.at(0) == answer_alone(asked, 0, 256), boost::test_tools::per_element());
  BOOST_REQUIRE(answer.ends.size() == 1u);
  BOOST_TEST((answer.ends[0].reason == FinishReason::length));
}

BOOST_AUTO_TEST_CASE(a_listener_gets_one_message_a_step) {
  World world(2);
  OneModel model(world, {});
  for (RequestId id = 1; id <= 8; ++id) model.admit(request(id, 4, 20));
  world.run();
  BOOST_TEST(model.recorded->answers.size() == 8u);
  BOOST_TEST(model.recorded->tokens_in_message.size() <= model.snapshot().steps);
  const auto& sizes = model.recorded->tokens_in_message;
  BOOST_TEST(*std::max_element(sizes.begin(), sizes.end()) == 8u);
}

BOOST_AUTO_TEST_CASE(steps_that_are_faster_than_the_pause_share_a_message) {
  World world(2);
  ModelOptions options;
  options.event_pause = std::chrono::milliseconds(1);
  OneModel model(world, options);
  const auto& answers = model.recorded->answers;
  const auto& sizes = model.recorded->tokens_in_message;
  model.admit(request(1, 4, 20));
  world.run();  // in no time
  BOOST_TEST(sizes == std::vector<std::size_t>{1}, boost::test_tools::per_element());
  BOOST_TEST(answers.at(1).ends.empty());
  world.advance(options.event_pause);
  world.run();
  BOOST_TEST(sizes == (std::vector<std::size_t>{1, 19}), boost::test_tools::per_element());
  BOOST_TEST(answers.at(1).ends.size() == 1u);
  // After a pause nothing waits.
  world.advance(options.event_pause);
  model.admit(request(2, 4, 1));
  world.run();
  BOOST_TEST(answers.at(2).ends.size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_was_not_told_yet_is_told_when_the_scheduler_ends) {
  World world(3);
  ModelOptions options;
  options.event_pause = std::chrono::milliseconds(1);
  OneModel model(world, options);
  model.admit(request(1, 4, 20));
  world.run();
  world.end(model.scheduler);
  BOOST_TEST(model.recorded->answers.at(1).tokens.at(0).size() == 20u);
  BOOST_TEST(model.recorded->answers.at(1).ends.size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_idle_scheduler_has_no_timers) {
  World world(3);
  OneModel model(world, {});
  world.run();
  BOOST_TEST(!world.has_timer());
  model.admit(request(1, 30, 3));
  world.run();
  while (world.has_timer()) {  // a second after the first progress was due, all is quiet
    world.advance(std::chrono::seconds(1));
    world.run();
  }
  BOOST_TEST(model.recorded->answers.at(1).ends.size() == 1u);
}

BOOST_AUTO_TEST_CASE(progress_is_told_once_a_second_while_something_waits) {
  World world(4);
  ModelOptions options;
  options.batcher.max_sequences = 1;
  OneModel model(world, options);
  model.admit(request(1, 20, 200));
  model.admit(request(2, 20, 1));
  world.run(40);
  BOOST_TEST(model.recorded->progress.empty());
  world.advance(std::chrono::seconds(1));
  world.run(40);
  BOOST_REQUIRE(!model.recorded->progress.empty());
  BOOST_TEST(model.recorded->progress.back().request == 2u);
  BOOST_TEST(model.recorded->progress.back().waiting);
  const auto told = model.recorded->progress.size();
  world.run(40);
  BOOST_TEST(model.recorded->progress.size() == told);
  world.run();
}

BOOST_AUTO_TEST_CASE(a_deadline_ends_a_request_in_time) {
  World world(5);
  ModelOptions options;
  options.batcher.max_sequences = 1;
  OneModel model(world, options);
  auto first = request(1, 20, 230), second = request(2, 20, 1);
  second.deadline = world.now() + std::chrono::milliseconds(300);
  model.admit(first);
  model.admit(second);
  world.run(60);
  world.advance(std::chrono::milliseconds(299));
  world.run(60);
  BOOST_TEST(model.recorded->answers.at(2).ends.empty());
  world.advance(std::chrono::milliseconds(1));
  world.run(60);
  BOOST_REQUIRE(model.recorded->answers.at(2).ends.size() == 1u);
  BOOST_TEST((model.recorded->answers.at(2).ends[0].reason == FinishReason::timeout));
  world.run();
}

BOOST_AUTO_TEST_CASE(a_full_queue_refuses_at_once) {
  World world(6);
  ModelOptions options;
  options.batcher.max_waiting = 2;
  OneModel model(world, options);
  for (RequestId id = 1; id <= 20; ++id)
    caf::anon_send(model.recorder, admit_atom_v,
                   BatchRequestPtr(std::make_shared<const BatchRequest>(request(id, 200, 20))));
  world.run();
  BOOST_TEST(model.recorded->answers.size() + model.recorded->refused.size() == 20u);
  BOOST_TEST(!model.recorded->refused.empty());
  for (const auto& [id, refusal] : model.recorded->refused)
    BOOST_TEST((refusal == Refusal::overloaded));
}

BOOST_AUTO_TEST_CASE(ids_outside_the_vocabulary_never_reach_the_engine) {
  World world(7);
  OneModel model(world, {});
  auto prompt = request(1, 4, 4), bias = request(2, 4, 4), ends = request(3, 4, 4);
  prompt.prompt = std::make_shared<const std::vector<TokenId>>(std::vector<TokenId>{1, vocab_size});
  bias.sampling = sampling(2, {{-1, 1.0F}});
  ends.sampling = sampling(3, {}, {vocab_size});
  for (const auto& bad : {prompt, bias, ends}) model.admit(bad);
  world.run();
  BOOST_TEST(model.recorded->refused.size() == 3u);
  for (const auto& [id, refusal] : model.recorded->refused)
    BOOST_TEST((refusal == Refusal::invalid));
}

BOOST_AUTO_TEST_CASE(requests_of_a_dead_listener_are_cancelled) {
  World world(8);
  OneModel model(world, {});
  for (RequestId id = 1; id <= 20; ++id) model.admit(request(id, 40, 200));
  world.run(100);
  caf::anon_send_exit(model.recorder, caf::exit_reason::kill);
  world.run(20);
  const auto snapshot = model.snapshot();
  BOOST_TEST(snapshot.steps > 0u);
  BOOST_TEST(snapshot.steps < 30u);  // they would take more than 400
  BOOST_TEST(snapshot.waiting + snapshot.running == 0);
  BOOST_TEST(model.usage().free == model.usage().total);
}

BOOST_AUTO_TEST_CASE(an_orderly_end_aborts_what_runs_and_what_waits) {
  World world(9);
  OneModel model(world, {});
  for (RequestId id = 1; id <= 20; ++id) model.admit(request(id, 40, 200));
  world.run(100);
  world.end(model.scheduler);
  BOOST_TEST(model.recorded->answers.size() == 20u);
  for (const auto& [id, answer] : model.recorded->answers) {
    BOOST_REQUIRE(answer.ends.size() == 1u);
    BOOST_TEST((answer.ends[0].reason == FinishReason::aborted));
  }
}

BOOST_AUTO_TEST_CASE(a_ping_goes_through_executor_and_streams) {
  World world(10);
  OneModel model(world, {});
  BOOST_TEST(ask<pong_atom>(world, model.scheduler, ping_atom_v).has_value());
  world.end(model.executor);
  BOOST_TEST(!ask<pong_atom>(world, model.scheduler, ping_atom_v).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
