// How steps are kept as short as a request wants its tokens to take. Expected rows are computed by
// hand: a step takes 10 ms and half a millisecond a row.
#include "engine/batch/step_cost.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/engine/batch/requests.hpp"

namespace nanoflow::test {
namespace {

Clock::duration microseconds(int n) {
  return std::chrono::microseconds(n);
}
double ms_of(int n_rows) {
  return 10 + 0.5 * n_rows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(step_cost)

BOOST_AUTO_TEST_CASE(rows_follow_from_base_and_slope) {
  StepCost cost;
  BOOST_TEST(!cost.rows_within(microseconds(1000)).has_value());
  for (int i = 0; i < 20; ++i) cost.observe(i % 2 == 0 ? 4 : 64, ms_of(i % 2 == 0 ? 4 : 64));
  BOOST_TEST(std::abs(*cost.rows_within(microseconds(30000)) - 40) <= 1);
  BOOST_TEST(std::abs(*cost.rows_within(microseconds(110000)) - 200) <= 1);
  BOOST_TEST(*cost.rows_within(microseconds(5000)) == 0);
}

BOOST_AUTO_TEST_CASE(steps_that_are_all_alike_make_more_rows_look_dear) {
  StepCost cost;
  for (int i = 0; i < 20; ++i) cost.observe(10, ms_of(10));  // 15 ms: 1.5 ms a row
  BOOST_TEST(*cost.rows_within(microseconds(30000)) == 20);
}

BOOST_AUTO_TEST_CASE(what_steps_took_long_ago_is_forgotten) {
  StepCost cost;
  for (int i = 0; i < 50; ++i) cost.observe(i % 2 == 0 ? 4 : 64, 10 * ms_of(i % 2 == 0 ? 4 : 64));
  for (int i = 0; i < 400; ++i) cost.observe(i % 2 == 0 ? 4 : 64, ms_of(i % 2 == 0 ? 4 : 64));
  BOOST_TEST(std::abs(*cost.rows_within(microseconds(30000)) - 40) <= 1);
}

/// Rows of each step while a long prompt is read beside a decoding request, once the batcher has
/// seen some steps.
std::vector<int> rows_beside_a_prompt(std::optional<Clock::duration> max_tpot) {
  auto options = roomy;
  options.max_step_tokens = 400;
  Batcher batcher(options);
  KvCache cache({.n_pages = options.n_pages, .prefix_cache = false});
  const Clock::time_point now = at_ms(0);
  std::vector<int> rows;
  const auto step = [&] {
    const auto proposal = batcher.propose(now);
    BOOST_REQUIRE(proposal);
    const auto formed = batcher.form(cache.reserve(*proposal));
    BOOST_REQUIRE(formed);
    StepResult result{.number = formed->number, .sampled = {}};
    for (const auto& sequence : formed->sequences)
      if (sequence.samples) result.sampled.push_back({sequence.slot, 1, std::nullopt});
    rows.push_back(formed->n_tokens());
    result.ms = ms_of(formed->n_tokens());
    batcher.finish(result, now);
  };
  auto impatient = request(1, 40, 60);
  impatient.max_tpot = max_tpot;
  batcher.admit(impatient, now);
  for (int i = 0; i < 5; ++i) step();
  batcher.admit(request(2, 450, 1), now);
  rows.clear();
  for (int i = 0; i < 6; ++i) step();
  return rows;
}

BOOST_AUTO_TEST_CASE(a_prompt_is_read_in_parts_that_the_most_impatient_token_has_time_for) {
  BOOST_TEST(rows_beside_a_prompt(std::nullopt)[0] == 400);
  // 40 rows in 30 ms; a token and the rest of the prompt's page at least.
  for (const int n : rows_beside_a_prompt(microseconds(30000))) BOOST_TEST(std::abs(n - 40) <= 1);
  for (const int n : rows_beside_a_prompt(microseconds(1000))) BOOST_TEST(n == 1 + page_size);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
