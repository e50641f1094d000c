// The batcher's rules of guessing; that the tokens are the same whatever happens is in traces.cpp.
#include <boost/test/unit_test.hpp>

#include "engine/batch/speculator.hpp"
#include "tests/engine/batch/requests.hpp"

namespace nanoflow::test {
namespace {

Batcher::Options guessing(int max_sequences = 4) {
  auto options = roomy;
  options.max_sequences = max_sequences;
  options.max_step_tokens = 64;
  options.speculation = true;
  return options;
}

std::shared_ptr<const SamplingParams> biased(TokenId token, float bias) {
  auto params = std::make_shared<SamplingParams>(*greedy());
  params->logit_bias = {{token, bias}};
  return params;
}

/// Its answer is one token again and again.
BatchRequest monotonous(RequestId id, int n_prompt, int max_tokens) {
  auto result = request(id, n_prompt, max_tokens, static_cast<int>(id) * 7);
  result.sampling = biased(90, 100);
  return result;
}

void check_answer(const Seen& seen) {
  BOOST_TEST(seen.tokens[0] == answer_alone(seen.request, 0, 512),
             boost::test_tools::per_element());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(speculation)

BOOST_AUTO_TEST_CASE(right_guesses_save_steps_and_change_no_token) {
  Serving serving(guessing(), true);
  serving.admit(monotonous(1, 10, 100));
  int most_rows = 0;
  while (!serving.batcher.idle()) {
    serving.propose();
    if (serving.form()) {
      const auto& rows = serving.formed.back().sequences.at(0);
      most_rows = std::max(most_rows, rows.n_draft + 1);
      BOOST_TEST(rows.position + rows.n_rows < 110);  // the last token needs no row
    }
    serving.run();
  }
  check_answer(serving.seen.at(1));
  BOOST_TEST(most_rows > 5);
  BOOST_TEST(serving.n_run < 50);
  const auto snapshot = serving.batcher.snapshot(at_ms(0));
  BOOST_TEST(snapshot.accepted == 100 - serving.n_run);  // each step gives one token for certain
  BOOST_TEST(snapshot.drafted == snapshot.accepted);
  BOOST_TEST(snapshot.decode_rows == 99);
  BOOST_TEST(snapshot.wasted_rows == 0);
}

BOOST_AUTO_TEST_CASE(off_nothing_is_guessed) {
  auto options = guessing();
  options.speculation = false;
  Serving serving(options, true);
  serving.admit(monotonous(1, 10, 100));
  serving.drain();
  BOOST_TEST(serving.n_run == 100);
  BOOST_TEST(serving.batcher.snapshot(at_ms(0)).drafted == 0);
}

BOOST_AUTO_TEST_CASE(a_step_is_scheduled_ahead_unless_known_tokens_go_on_with_a_guess) {
  Serving serving(guessing(), true);
  serving.admit(request(1, 20, 10));
  next_step(serving);
  BOOST_TEST(next_step(serving).sequences[0].tokens.empty());
  serving.drain();

  auto repeats = request(2, 23, 10, 30);  // 30, 31, ..., 49, 30, 31, 32: next comes 33
  auto prompt = *repeats.prompt;
  std::copy_n(prompt.begin(), 3, prompt.end() - 3);
  repeats.prompt = std::make_shared<const std::vector<TokenId>>(prompt);
  repeats.sampling = biased(33, 100);
  serving.admit(repeats);
  next_step(serving);
  BOOST_TEST(!serving.propose());  // the token in flight is worth waiting for
  serving.run();
  const auto step = next_step(serving);
  const auto& rows = step.sequences[0];
  BOOST_TEST(rows.position == 23);
  BOOST_TEST(rows.tokens == (std::vector<TokenId>{33, 34, 35, 36}),
             boost::test_tools::per_element());
  BOOST_TEST(rows.n_draft == 3);
  serving.run();  // 33 comes again
  BOOST_TEST(serving.seen.at(2).tokens[0].size() == 2);
  BOOST_TEST(next_step(serving).sequences[0].position == 24);
  BOOST_TEST(next_step(serving).sequences[0].tokens.empty());  // 33 33 was not there before
  serving.drain();
  check_answer(serving.seen.at(2));
}

BOOST_AUTO_TEST_CASE(beside_many_decoding_sequences_nobody_guesses) {
  Serving serving(guessing(most_decoding + 1), true);
  for (RequestId id = 1; id <= most_decoding + 1; ++id) serving.admit(monotonous(id, 5, 40));
  serving.drain();
  BOOST_TEST(serving.batcher.snapshot(at_ms(0)).drafted == 0);
}

BOOST_AUTO_TEST_CASE(all_drafts_of_a_step_together_are_bounded_and_leave_rows_to_prompts) {
  auto options = guessing();
  options.max_step_tokens = 24;
  Serving serving(options, true);
  for (RequestId id = 1; id <= 3; ++id) serving.admit(monotonous(id, 3, 200));
  for (int i = 0; i < 20; ++i) serving.turn();
  serving.admit(request(4, 300, 5));
  int most = 0;
  while (!serving.batcher.idle()) {
    serving.propose();
    if (serving.form()) {
      int n_draft = 0, n_prompt = 0;
      for (const auto& rows : serving.formed.back().sequences) {
        n_draft += rows.n_draft;
        n_prompt += rows.n_draft == 0 && rows.n_rows > 1 ? rows.n_rows : 0;
      }
      most = std::max(most, n_draft);
      BOOST_TEST(n_draft <= max_draft_rows);
      if (serving.batcher.snapshot(at_ms(0)).prefilling_sequences > 0) BOOST_TEST(n_prompt >= 10);
    }
    serving.run();
  }
  BOOST_TEST(most > 5);
}

BOOST_AUTO_TEST_CASE(a_row_of_a_wrong_guess_is_not_found_in_the_prefix_cache) {
  int wrong = 0;
  for (int n_prompt = 20; n_prompt < 64; ++n_prompt) {
    Serving serving(guessing(), true);
    auto first = request(1, n_prompt, 30);
    first.sampling = biased(90, 80);  // four of five times
    serving.admit(first);
    serving.drain();
    check_answer(serving.seen.at(1));
    const auto snapshot = serving.batcher.snapshot(at_ms(0));
    wrong += static_cast<int>(snapshot.drafted - snapshot.accepted);
    auto next = *first.prompt;  // as a wrong guess went on
    const auto& answer = serving.seen.at(1).tokens[0];
    next.insert(next.end(), answer.begin(), answer.end());
    const int computed = static_cast<int>(next.size()) - 1;
    next.resize(next.size() + 40, 90);
    auto second = request(2, 1, 30);
    second.prompt = std::make_shared<const std::vector<TokenId>>(next);
    serving.admit(second);
    serving.drain();
    BOOST_TEST(serving.seen.at(2).finished->cached_tokens == computed / page_size * page_size);
    check_answer(serving.seen.at(2));
  }
  BOOST_TEST(wrong > 20);
}

BOOST_AUTO_TEST_CASE(a_stop_token_where_another_was_guessed_ends_the_answer_there) {
  Serving serving(guessing(), true);
  auto r = monotonous(1, 10, 100);
  auto params = *r.sampling;
  params.min_tokens = 50;  // until then another token is chosen in its place, always the same one
  params.end_tokens = {90};
  params.logit_bias = {{90, 100}, {91, 99.5}};
  r.sampling = std::make_shared<const SamplingParams>(params);
  r.stop_tokens = {90};
  serving.admit(r);
  serving.drain();
  check_answer(serving.seen.at(1));
  BOOST_TEST(serving.seen.at(1).finished->completion_tokens == 51);
  BOOST_TEST((serving.seen.at(1).finished->reason == FinishReason::stop));
  BOOST_TEST(serving.n_run < 40);
}

BOOST_AUTO_TEST_CASE(more_tokens_than_guesses_are_a_broken_invariant) {
  Serving serving(guessing(), true);
  serving.admit(request(1, 10, 5));
  const auto slot = next_step(serving).sequences[0].slot;
  BOOST_CHECK_THROW(serving.batcher.finish({1, {{slot, 1, {}}, {slot, 1, {}}}}, at_ms(0)),
                    std::logic_error);
  serving.drain();
}

BOOST_AUTO_TEST_CASE(after_a_device_failure_with_guesses_in_flight_sequences_go_on) {
  Serving serving(guessing(), true);
  serving.admit(monotonous(1, 10, 100));
  while (true) {
    serving.propose();
    if (serving.form() && serving.formed.back().sequences[0].n_draft > 2) break;
    serving.run();
    BOOST_REQUIRE(!serving.batcher.idle());
  }
  serving.recover();
  serving.drain();
  check_answer(serving.seen.at(1));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
