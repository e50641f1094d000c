#include "engine/batch/speculator.hpp"

#include <boost/test/unit_test.hpp>

namespace nanoflow::test {
namespace {

const auto near = boost::test_tools::tolerance(1e-9);

std::vector<TokenId> count_up(int n, TokenId first = 0) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < n; ++i) tokens.push_back(first + i);
  return tokens;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(speculator)

// One sequence, a row more costs a quarter of a step: with p = 1/2 a step of 1.25 gives 1.5 tokens,
// one of 1.5 gives 1.75, which is less for its time.
BOOST_AUTO_TEST_CASE(a_draft_is_as_long_as_gives_most_tokens_for_its_time) {
  BOOST_TEST(draft_length(0.5, 16, 1, 0.25) == 1);
  BOOST_TEST(draft_length(0.5, 16, 1, 0.1) == 2);    // 1.5 / 1.1, 1.75 / 1.2, 1.875 / 1.3
  BOOST_TEST(draft_length(1, 16, 1, 0.25) == 16);    // 17 / 5
  BOOST_TEST(draft_length(1, 5, 1, 0.25) == 5);      // no more than it may have
  BOOST_TEST(draft_length(0.8, 16, 1, 0.25) == 3);   // 1.8/1.25, 2.44/1.5, 2.952/1.75, 3.3616/2
  BOOST_TEST(draft_length(0.31, 16, 1, 0.25) == 0);  // 1.31 / 1.25 is no clear gain
  BOOST_TEST(draft_length(0.9, 0, 1, 0.25) == 0);
}

// Of four sequences one gets a draft: 4.6 tokens in a step of 1.15 are not more than 4 in one of 1.
BOOST_AUTO_TEST_CASE(beside_others_a_guess_must_be_likelier) {
  BOOST_TEST(draft_length(0.6, 16, 4, 0.15) == 0);
  BOOST_TEST(draft_length(0.6, 16, 1, 0.15) > 0);
  BOOST_TEST(draft_length(0.95, 16, 4, 0.15) > 0);
}

BOOST_AUTO_TEST_CASE(what_a_row_of_a_draft_costs_is_measured) {
  DraftCost cost;
  const double guessed = cost.of(1);
  cost.observe(1, 4, 30);  // says nothing before a step without a draft was seen
  BOOST_TEST(cost.of(1) == guessed);
  for (int i = 0; i < 100; ++i) cost.observe(1, 0, 10);
  for (int i = 0; i < 100; ++i) cost.observe(1, 4, 16);  // 1.5 ms a row
  BOOST_TEST(cost.of(1) == 0.15, boost::test_tools::tolerance(1e-3));
  for (int i = 0; i < 100; ++i) cost.observe(1, 4, 9);  // noise: a row costs nothing at least
  BOOST_TEST(cost.of(1) >= 0);
  BOOST_TEST(cost.of(2) < guessed);  // beside another row it is less of the whole
  cost.observe(most_decoding + 1, 0, 10);
  cost.observe(0, 0, 10);
}

BOOST_AUTO_TEST_CASE(an_answer_that_repeats_the_prompt_gets_longer_drafts) {
  const auto prompt = count_up(100);
  Speculator speculator;
  auto answer = count_up(3, 10);
  speculator.read(prompt, answer);
  BOOST_TEST(speculator.chance() == 0.5, near);  // nothing was guessed yet
  auto draft = speculator.draft(16, 1, 0.25);
  BOOST_REQUIRE_EQUAL(draft.size(), 1);
  BOOST_TEST(draft[0] == 13);
  answer = count_up(12, 10);
  speculator.read(prompt, answer);
  draft = speculator.draft(16, 1, 0.25);
  BOOST_TEST(draft.size() > 3);
  BOOST_TEST(draft == count_up(static_cast<int>(draft.size()), 22),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(wrong_guesses_end_drafts_and_right_ones_bring_them_back) {
  const auto prompt = count_up(200);
  Speculator speculator;
  std::vector<TokenId> answer;
  for (int i = 0; i < 4; ++i) {  // three tokens of the prompt each, and another one after them
    for (const TokenId token : {10 + 20 * i, 11 + 20 * i, 12 + 20 * i, 500 + i})
      answer.push_back(token);
    speculator.read(prompt, answer);
  }
  for (const TokenId token : {110, 111, 112}) answer.push_back(token);
  speculator.read(prompt, answer);
  BOOST_TEST(speculator.draft(16, 1, 0.25).empty());
  for (TokenId token = 113; token < 120; ++token) {
    answer.push_back(token);
    speculator.read(prompt, answer);
  }
  BOOST_TEST(!speculator.draft(16, 1, 0.25).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
