// The batcher's rules, one by one: preemption, ends and failures.
#include <boost/test/unit_test.hpp>

#include "tests/engine/batch/requests.hpp"

namespace nanoflow::test {

BOOST_AUTO_TEST_SUITE(batcher_ends)

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

BOOST_AUTO_TEST_CASE(without_a_finite_logit_a_request_fails_and_its_neighbour_goes_on) {
  Batcher batcher(roomy);
  KvCache kv_cache({.n_pages = roomy.n_pages, .prefix_cache = false});
  for (RequestId id : {1, 2}) batcher.admit(request(id, 10, 5), at_ms(0));
  const auto step = batcher.form(kv_cache.reserve(batcher.propose(at_ms(0)).value())).value();
  StepResult result{step.number, {}};
  for (const auto& rows : step.sequences)
    result.sampled.push_back({rows.slot, result.sampled.empty() ? -1 : 7, {}});
  const auto events = batcher.finish(result, at_ms(1));
  BOOST_REQUIRE_EQUAL(events.finished.size(), 1);
  BOOST_CHECK_EQUAL(events.finished[0].request, 1);
  BOOST_CHECK(events.finished[0].reason == FinishReason::failed);
  BOOST_CHECK_EQUAL(events.finished[0].completion_tokens, 0);
  BOOST_REQUIRE_EQUAL(events.tokens.size(), 1);
  BOOST_CHECK_EQUAL(events.tokens[0].request, 2);
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
