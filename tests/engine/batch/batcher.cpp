// The batcher's rules, one by one: who is admitted and what steps are made of. What they do
// together is in traces.cpp.
#include <boost/test/unit_test.hpp>

#include "tests/engine/batch/requests.hpp"

namespace nanoflow::test {

BOOST_AUTO_TEST_SUITE(batcher)

BOOST_AUTO_TEST_CASE(options_that_cannot_work_are_refused) {
  for (int Batcher::Options::*field :
       {&Batcher::Options::context, &Batcher::Options::n_pages, &Batcher::Options::max_sequences,
        &Batcher::Options::max_waiting}) {
    auto options = roomy;
    options.*field = 0;
    BOOST_CHECK_THROW(Batcher{options}, std::invalid_argument);
  }
  auto options = roomy;
  options.max_step_tokens = options.max_sequences;
  BOOST_CHECK_THROW(Batcher{options}, std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_context_is_what_all_pages_hold) {
  auto options = roomy;
  options.n_pages = 3;
  BOOST_CHECK_EQUAL(Batcher(options).context(), 96);
  options.n_pages = 1000;
  BOOST_CHECK_EQUAL(Batcher(options).context(), 512);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_served_is_refused) {
  Batcher batcher(roomy);
  const auto refusal = [&](BatchRequest r) {
    return batcher.admit(std::move(r), at_ms(0)).refusal;
  };
  BOOST_CHECK(refusal(request(1, 512, 1)) == Refusal::prompt_too_long);
  BOOST_CHECK(refusal(request(1, 0, 1)) == Refusal::invalid);
  BOOST_CHECK(refusal(request(1, 1, 0)) == Refusal::invalid);
  auto no_choice = request(1, 1, 1);
  no_choice.n = 0;
  BOOST_CHECK(refusal(no_choice) == Refusal::invalid);
  BOOST_CHECK(refusal(request(1, 511, 1)) == Refusal::none);
  BOOST_CHECK(refusal(request(1, 1, 1)) == Refusal::invalid);  // the id is taken
}

BOOST_AUTO_TEST_CASE(a_full_queue_is_overloaded_and_positions_follow_priorities) {
  auto options = roomy;
  options.max_waiting = 3;
  Batcher batcher(options);
  auto urgent = request(3, 1, 1);
  urgent.priority = 1;
  BOOST_CHECK_EQUAL(batcher.admit(request(1, 1, 1), at_ms(0)).position, 0);
  BOOST_CHECK_EQUAL(batcher.admit(request(2, 1, 1), at_ms(0)).position, 1);
  BOOST_CHECK_EQUAL(batcher.admit(urgent, at_ms(0)).position, 0);
  const auto refused = batcher.admit(request(4, 1, 1), at_ms(0));
  BOOST_CHECK(refused.refusal == Refusal::overloaded);
  BOOST_CHECK_EQUAL(refused.position, 3);
  std::size_t position = 0;
  for (const auto& progress : batcher.progress()) BOOST_CHECK_EQUAL(progress.position, position++);
  BOOST_TEST(order_of(batcher) == (std::vector<RequestId>{3, 1, 2}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_step_is_formed_while_the_one_before_runs_and_names_the_token_by_its_slot) {
  Serving serving(roomy, true);
  serving.admit(request(1, 10, 5));
  const auto prompt = next_step(serving);
  BOOST_CHECK_EQUAL(prompt.sequences[0].tokens.size(), 10);
  BOOST_REQUIRE(prompt.sequences[0].start);
  const auto ahead = next_step(serving);  // nothing has run yet
  BOOST_CHECK(ahead.sequences[0].tokens.empty());
  BOOST_CHECK(!ahead.sequences[0].start);
  BOOST_CHECK_EQUAL(ahead.sequences[0].position, 10);
  BOOST_CHECK(!serving.propose());  // one step ahead, not two
  serving.drain();
  BOOST_CHECK_EQUAL(serving.n_run, 5);  // the end by length is foreseen
  BOOST_CHECK_EQUAL(serving.batcher.snapshot(at_ms(0)).wasted_rows, 0);
}

BOOST_AUTO_TEST_CASE(an_end_that_nobody_foresaw_costs_one_row) {
  Serving serving(roomy, true);
  auto r = request(1, 10, 50);
  r.stop_tokens = {answer_alone(r, 0, 512)[3]};
  const auto n = static_cast<int>(answer_alone(r, 0, 512).size());
  serving.admit(r);
  serving.drain();
  const auto& finished = *serving.seen.at(1).finished;
  BOOST_CHECK(finished.reason == FinishReason::stop);
  BOOST_CHECK_EQUAL(finished.completion_tokens, n);
  BOOST_CHECK_EQUAL(serving.batcher.snapshot(at_ms(0)).wasted_rows, 1);
  BOOST_CHECK_EQUAL(finished.rows, 10 + n);  // the first token comes with the prompt's last row
  // Row p attends to p + 1 positions.
  BOOST_CHECK_EQUAL(finished.attended, (10 + n) * (10 + n + 1) / 2);
}

BOOST_AUTO_TEST_CASE(a_wasted_row_is_not_found_in_the_prefix_cache) {
  for (int n_prompt = 20; n_prompt < 64; ++n_prompt) {
    Serving serving(roomy, true);
    auto first = request(1, n_prompt, 50);
    first.stop_tokens = {answer_alone(first, 0, 512)[3]};
    serving.admit(first);
    serving.drain();
    auto next = *first.prompt;
    const auto& answer = serving.seen.at(1).tokens[0];
    next.insert(next.end(), answer.begin(), answer.end());
    const int computed = static_cast<int>(next.size()) - 1;
    next.resize(next.size() + 40, 5);
    auto second = first;
    second.id = 2;
    second.prompt = std::make_shared<const std::vector<TokenId>>(next);
    serving.admit(second);
    serving.drain();
    BOOST_CHECK_EQUAL(serving.seen.at(2).finished->cached_tokens, computed / page_size * page_size);
  }
}

BOOST_AUTO_TEST_CASE(prompts_are_read_in_chunks_beside_decoding_sequences) {
  Serving serving(roomy, true);
  serving.admit(request(1, 10, 20));
  next_step(serving);
  serving.run();
  serving.admit(request(2, 100, 5, 50));
  const auto step = next_step(serving);
  BOOST_REQUIRE_EQUAL(step.sequences.size(), 2);
  BOOST_CHECK_EQUAL(step.sequences[0].n_rows, 1);
  BOOST_CHECK_EQUAL(step.sequences[1].n_rows, 63);
  BOOST_CHECK(!step.sequences[1].samples);
  const auto rest = next_step(serving);
  BOOST_CHECK_EQUAL(rest.sequences[1].n_rows, 37);
  BOOST_CHECK(rest.sequences[1].samples);
}

BOOST_AUTO_TEST_CASE(the_larger_priority_goes_first_then_who_came_first) {
  auto options = roomy;
  options.max_sequences = 1;
  Serving serving(options, true);
  for (RequestId id = 1; id <= 3; ++id) {
    auto r = request(id, 10, 2);
    r.priority = id == 3 ? 1 : 0;
    serving.admit(r);
  }
  std::vector<RequestId> order;
  while (!serving.batcher.idle()) {
    serving.turn();
    for (const auto& [id, seen] : serving.seen)
      if (seen.finished && std::find(order.begin(), order.end(), id) == order.end())
        order.push_back(id);
  }
  BOOST_TEST(order == (std::vector<RequestId>{3, 1, 2}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(choices_share_the_pages_of_the_prompt) {
  Serving serving(roomy, true);
  auto r = request(1, 60, 4);
  r.n = 3;
  serving.admit(r);
  BOOST_CHECK_EQUAL(next_step(serving).sequences.size(), 1);  // the others wait for its page
  const auto step = next_step(serving);
  BOOST_REQUIRE_EQUAL(step.sequences.size(), 3);
  for (int i = 1; i < 3; ++i) {
    const auto& choice = step.sequences[static_cast<std::size_t>(i)];
    BOOST_CHECK_EQUAL(choice.position, 32);
    BOOST_CHECK_EQUAL(choice.pages[0], step.sequences[0].pages[0]);
  }
  serving.drain();
  BOOST_CHECK_EQUAL(serving.seen.at(1).finished->cached_tokens, 0);  // its first choice's
}

BOOST_AUTO_TEST_CASE(without_a_prefix_cache_every_choice_computes_the_prompt) {
  Serving serving(roomy, false);
  auto r = request(1, 20, 1);
  r.n = 3;
  serving.admit(r);
  BOOST_CHECK_EQUAL(next_step(serving).n_tokens(), 60);
  serving.drain();
  BOOST_CHECK_EQUAL(serving.seen.at(1).finished->rows, 60);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
