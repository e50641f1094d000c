// The batcher's rules, one by one; what they do together is in traces.cpp.
#include <boost/test/unit_test.hpp>
#include <numeric>

#include "tests/engine/batch/serving.hpp"

namespace nanoflow::test {
namespace {

constexpr Batcher::Options roomy{
    .context = 512, .n_pages = 64, .max_sequences = 4, .max_step_tokens = 64, .max_waiting = 100};

std::shared_ptr<const SamplingParams> greedy() {
  auto params = std::make_shared<SamplingParams>();
  params->temperature = 0;
  return params;
}

/// Tokens first, first + 1, ...: prompts with different first do not share a prefix.
BatchRequest request(RequestId id, int n_prompt, int max_tokens, int first = 0) {
  std::vector<TokenId> prompt(static_cast<std::size_t>(n_prompt));
  for (int i = 0; i < n_prompt; ++i) prompt[static_cast<std::size_t>(i)] = (first + i) % vocab_size;
  BatchRequest result;
  result.id = id;
  result.prompt = std::make_shared<const std::vector<TokenId>>(std::move(prompt));
  result.max_tokens = max_tokens;
  result.sampling = greedy();
  return result;
}

/// Proposes and forms; the step must come.
Step next_step(Serving& serving) {
  BOOST_REQUIRE(serving.propose());
  BOOST_REQUIRE(serving.form());
  return serving.formed.back();
}

}  // namespace

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
  std::vector<RequestId> order;
  for (const auto& progress : batcher.progress()) {
    BOOST_CHECK_EQUAL(progress.position, order.size());
    order.push_back(progress.request);
  }
  BOOST_TEST(order == (std::vector<RequestId>{3, 1, 2}), boost::test_tools::per_element());
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

BOOST_AUTO_TEST_CASE(where_pages_run_out_the_lowest_ranked_is_recomputed) {
  auto options = roomy;
  options.n_pages = 4;
  Serving serving(options, false);
  serving.admit(request(1, 30, 60));
  serving.admit(request(2, 30, 60, 40));
  serving.drain();
  const auto snapshot = serving.batcher.snapshot(at_ms(0));
  BOOST_CHECK_EQUAL(snapshot.preemptions, 1);
  BOOST_CHECK_EQUAL(serving.seen.at(1).finished->rows, 89);
  BOOST_CHECK(serving.seen.at(2).finished->rows > 89);
  for (RequestId id : {1, 2}) {
    const auto& seen = serving.seen.at(id);
    BOOST_TEST(seen.tokens[0] == answer_alone(seen.request, 0, 128),
               boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(a_preempted_sequence_waits_until_a_running_one_has_ended) {
  auto options = roomy;
  options.n_pages = 9;
  Serving serving(options, false);
  serving.admit(request(1, 30, 60));
  serving.admit(request(2, 30, 60, 30));
  serving.admit(request(3, 200, 10, 60));
  const auto& seen = serving.seen;
  while (serving.batcher.snapshot(at_ms(0)).preemptions == 0) serving.turn();
  while (!seen.at(1).finished && !seen.at(2).finished) {
    serving.turn();
    if (!serving.formed.empty() && !seen.at(1).finished && !seen.at(2).finished)
      BOOST_REQUIRE_EQUAL(serving.formed.back().sequences.size(), 2);
  }
  serving.drain();
  BOOST_CHECK_EQUAL(serving.batcher.snapshot(at_ms(0)).preemptions, 1);
}

BOOST_AUTO_TEST_CASE(a_preempted_sequence_starts_again_from_all_its_tokens) {
  auto options = roomy;
  options.n_pages = 4;
  Serving serving(options, false);
  serving.admit(request(1, 30, 60));
  serving.admit(request(2, 30, 60, 40));
  const auto preempted = [&] { return serving.batcher.snapshot(at_ms(0)).preemptions == 1; };
  while (!preempted()) {
    serving.propose();
    if (preempted()) break;
    serving.form();
    if (serving.formed.size() == 2) serving.run();
  }
  BOOST_REQUIRE(!serving.formed.empty());  // with a row of the preempted one
  serving.cancel(1);                       // so that it could start at once
  serving.form();
  serving.propose();
  serving.form();
  serving.drain();
  const auto& seen = serving.seen.at(2);
  BOOST_TEST(seen.tokens[0] == answer_alone(seen.request, 0, 128),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_cancel_frees_the_pages_within_two_steps) {
  for (const bool ahead : {false, true}) {
    Serving serving(roomy, true);
    serving.admit(request(1, 100, 50));
    serving.admit(request(2, 40, 50, 60));
    for (int i = 0; i < 6; ++i) serving.turn();
    if (ahead) next_step(serving);
    serving.cancel(2);
    BOOST_CHECK(serving.seen.at(2).finished->reason == FinishReason::cancelled);
    const auto n_run = serving.n_run;
    while (serving.n_run < n_run + 2) serving.turn();
    const auto requests = serving.batcher.snapshot(at_ms(0)).requests;
    BOOST_REQUIRE_EQUAL(requests.size(), 1);
    const auto usage = serving.kv_cache.usage();
    BOOST_CHECK_EQUAL(usage.total - usage.free, requests[0].pages);
    serving.drain();
  }
}

BOOST_AUTO_TEST_CASE(nothing_ends_twice) {
  Serving serving(roomy, true);
  serving.admit(request(1, 10, 50));
  serving.turn();
  serving.cancel(1);
  BOOST_CHECK(serving.batcher.cancel(1, at_ms(0)).empty());
  BOOST_CHECK(serving.batcher.stop(1, 0, 0, at_ms(0)).empty());
  BOOST_CHECK(serving.batcher.abort_all(at_ms(0)).empty());
  BOOST_CHECK(serving.batcher.cancel(99, at_ms(0)).empty());
  serving.drain();
}

BOOST_AUTO_TEST_CASE(deadlines_end_requests_whether_they_wait_or_run) {
  auto options = roomy;
  options.max_sequences = 1;
  Serving serving(options, true);
  for (RequestId id : {1, 2}) {
    auto r = request(id, 10, 400);
    r.deadline = at_ms(id == 1 ? 20 : 10);
    serving.admit(r);
  }
  BOOST_CHECK(serving.batcher.next_deadline() == at_ms(10));
  while (serving.ms < 10) serving.turn();
  serving.expire();
  BOOST_CHECK(serving.seen.at(2).finished->reason == FinishReason::timeout);
  BOOST_CHECK_EQUAL(serving.seen.at(2).finished->queue_ms, 10);
  BOOST_CHECK(!serving.seen.at(1).finished);
  BOOST_CHECK(serving.batcher.next_deadline() == at_ms(20));
  while (serving.ms < 20) serving.turn();
  serving.expire();
  BOOST_CHECK(serving.seen.at(1).finished->reason == FinishReason::timeout);
  BOOST_CHECK(!serving.batcher.next_deadline());
  serving.drain();
}

BOOST_AUTO_TEST_CASE(a_stop_string_cuts_a_choice_even_one_that_ended_by_itself) {
  Serving serving(roomy, true);
  auto r = request(1, 10, 6);
  r.n = 2;
  r.priority = 3;
  serving.admit(r);
  while (serving.seen.at(1).tokens[0].size() < 5) serving.turn();
  serving.stop(1, 0, 3);
  BOOST_CHECK(!serving.seen.at(1).finished);
  serving.drain();
  const auto& finished = *serving.seen.at(1).finished;
  BOOST_CHECK(finished.choices[0].reason == FinishReason::stop);
  BOOST_CHECK_EQUAL(finished.choices[0].completion_tokens, 3);
  BOOST_CHECK(finished.choices[1].reason == FinishReason::length);
  BOOST_CHECK(finished.reason == FinishReason::length);
  BOOST_CHECK_EQUAL(finished.completion_tokens, 9);
}

BOOST_AUTO_TEST_CASE(after_a_device_failure_sequences_go_on_from_their_tokens) {
  Serving serving(roomy, true);
  serving.admit(request(1, 70, 30));
  for (int i = 0; i < 10; ++i) serving.turn();
  const auto before = serving.seen.at(1).tokens[0].size();
  BOOST_REQUIRE(before > 0);
  const auto lost = next_step(serving);
  serving.recover();
  BOOST_CHECK(serving.batcher.finish({lost.number, {{0, 1, {}}}}, at_ms(0)).empty());
  const auto again = next_step(serving);
  BOOST_REQUIRE(again.sequences[0].start);
  BOOST_CHECK_EQUAL(again.sequences[0].start->tokens.size(), 70 + before);
  BOOST_CHECK_EQUAL(again.sequences[0].start->n_prompt, 70);
  serving.drain();
  const auto& seen = serving.seen.at(1);
  BOOST_TEST(seen.tokens[0] == answer_alone(seen.request, 0, 512),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_result_that_is_not_the_steps_is_a_broken_invariant) {
  Serving serving(roomy, true);
  BOOST_CHECK_THROW(serving.batcher.finish({1, {}}, at_ms(0)), std::logic_error);
  serving.admit(request(1, 10, 5));
  const auto step = next_step(serving);
  const auto slot = step.sequences[0].slot;
  BOOST_CHECK_THROW(serving.batcher.finish({2, {{slot, 1, {}}}}, at_ms(0)), std::logic_error);
  BOOST_CHECK_THROW(serving.batcher.finish({1, {}}, at_ms(0)), std::logic_error);
  BOOST_CHECK_THROW(serving.batcher.finish({1, {{slot + 1, 1, {}}}}, at_ms(0)), std::logic_error);
  serving.drain();
}

BOOST_AUTO_TEST_CASE(grants_that_come_after_an_admission_do_not_hide_it) {
  Serving serving(roomy, true);
  serving.admit(request(1, 10, 50));
  for (int i = 0; i < 3; ++i) serving.turn();
  serving.cancel(1);
  while (!serving.formed.empty()) serving.run();
  BOOST_REQUIRE(serving.propose());  // only the release
  serving.admit(request(2, 10, 5));
  BOOST_CHECK(!serving.form());
  serving.drain();
  BOOST_CHECK(serving.seen.at(2).finished);
}

BOOST_AUTO_TEST_CASE(ten_thousand_wait_and_a_step_asks_for_no_more_than_there_are_slots) {
  auto options = roomy;
  options.max_waiting = 10000;
  Serving serving(options, true);
  for (RequestId id = 1; id <= 10000; ++id)
    BOOST_REQUIRE(serving.batcher.admit(request(id, 5, 2), at_ms(0)).refusal == Refusal::none);
  const auto proposal = serving.batcher.propose(at_ms(0));
  BOOST_REQUIRE(proposal);
  BOOST_CHECK_EQUAL(proposal->reservations.size(), 4);
  BOOST_CHECK_EQUAL(serving.batcher.abort_all(at_ms(1)).finished.size(), 10000);
}

BOOST_AUTO_TEST_CASE(times_and_page_seconds_are_counted) {
  Serving serving(roomy, true);
  serving.admit(request(1, 10, 3));
  serving.ms = 5;
  next_step(serving);
  serving.ms = 12;
  serving.run();
  serving.ms = 22;
  next_step(serving);
  serving.run();
  next_step(serving);
  serving.ms = 30;
  serving.run();
  const auto& finished = *serving.seen.at(1).finished;
  BOOST_CHECK_EQUAL(finished.queue_ms, 5);
  BOOST_CHECK_EQUAL(finished.prefill_ms, 7);
  BOOST_CHECK_EQUAL(finished.decode_ms, 18);
  BOOST_CHECK_EQUAL(finished.total_ms, 30);
  BOOST_CHECK_CLOSE(finished.page_seconds, 0.025, 1e-9);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
