#include "engine/kv/kv_cache.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

namespace nanoflow {
namespace {

Tokens tokens(int n, TokenId of) {
  return std::make_shared<const std::vector<TokenId>>(static_cast<std::size_t>(n), of);
}

/// One cache, one proposal after the other, each for the next step.
struct Rounds {
  KvCache cache;
  std::uint64_t step = 0;

  explicit Rounds(int n_pages, bool prefix_cache = true)
      : cache({.n_pages = n_pages, .prefix_cache = prefix_cache}) {}

  std::vector<Grant> reserve(std::vector<Reservation> reservations, int max_rows = 1000,
                             int keep_free = 0) {
    return cache
        .reserve({.round = ++step,
                  .releases = {},
                  .step = step,
                  .max_rows = max_rows,
                  .keep_free = keep_free,
                  .reservations = std::move(reservations)})
        .grants;
  }
  void release(SequenceId sequence, Tokens computed) {
    cache.reserve({.round = 0, .releases = {{sequence, std::move(computed)}}, .reservations = {}});
  }
};

Reservation prompt(SequenceId sequence, Tokens tokens, std::string salt = "") {
  const int n = static_cast<int>(tokens->size());
  return {
      .sequence = sequence, .n_rows = n, .chunk = true, .prompt = tokens, .salt = std::move(salt)};
}

Reservation more(SequenceId sequence, int n_rows, bool chunk = false) {
  return {.sequence = sequence, .n_rows = n_rows, .chunk = chunk, .prompt = nullptr, .salt = {}};
}

/// A row, and so many guesses.
Reservation draft(SequenceId sequence, int n_draft, int n_again = 0) {
  auto reservation = more(sequence, 1 + n_draft);
  reservation.n_draft = n_draft;
  reservation.n_again = n_again;
  return reservation;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(kv_cache)

BOOST_AUTO_TEST_CASE(a_prompt_is_found_again_but_for_its_last_token) {
  for (const int n : {31, 32, 33, 64, 65, 100}) {
    Rounds rounds(16);
    BOOST_CHECK_EQUAL(rounds.reserve({prompt(1, tokens(n, 7))})[0].cached_tokens, 0);
    rounds.release(1, tokens(n, 7));
    const auto grant = rounds.reserve({prompt(2, tokens(n, 7))})[0];
    BOOST_CHECK_EQUAL(grant.cached_tokens, (n - 1) / 32 * 32);
    BOOST_CHECK_EQUAL(grant.n_rows, n - grant.cached_tokens);
  }
}

BOOST_AUTO_TEST_CASE(an_answer_is_found_again_as_far_as_it_was_computed) {
  Rounds rounds(16);
  rounds.reserve({prompt(1, tokens(20, 7))});
  rounds.reserve({more(1, 1)});
  for (int i = 0; i < 20; ++i) rounds.reserve({more(1, 1)});
  rounds.release(1, tokens(40, 7));
  BOOST_CHECK_EQUAL(rounds.reserve({prompt(2, tokens(100, 7))})[0].cached_tokens, 32);
}

BOOST_AUTO_TEST_CASE(identical_prompts_of_one_step_share_from_the_next_one_on) {
  Rounds rounds(16);
  auto grants = rounds.reserve({prompt(1, tokens(70, 7)), prompt(2, tokens(70, 7))});
  BOOST_CHECK_EQUAL(grants[0].n_rows, 70);
  BOOST_CHECK_EQUAL(grants[1].n_rows, 0);
  BOOST_CHECK(!grants[1].exhausted);
  const auto pages = grants[0].new_pages;
  grants = rounds.reserve({more(1, 1), prompt(2, tokens(70, 7))});
  BOOST_CHECK_EQUAL(grants[1].cached_tokens, 64);
  BOOST_CHECK_EQUAL(grants[1].new_pages[0], pages[0]);
  BOOST_CHECK_EQUAL(grants[1].new_pages[1], pages[1]);
  BOOST_CHECK(grants[1].new_pages[2] != pages[2]);
  BOOST_CHECK_EQUAL(rounds.cache.usage().free, 16 - 4);
}

BOOST_AUTO_TEST_CASE(another_salt_shares_nothing) {
  Rounds rounds(16);
  rounds.reserve({prompt(1, tokens(70, 7), "a")});
  BOOST_CHECK_EQUAL(rounds.reserve({prompt(2, tokens(70, 7), "b")})[0].cached_tokens, 0);
  BOOST_CHECK_EQUAL(rounds.reserve({prompt(3, tokens(70, 7), "a")})[0].cached_tokens, 64);
}

BOOST_AUTO_TEST_CASE(without_the_prefix_cache_nothing_is_shared_or_kept) {
  Rounds rounds(16, false);
  BOOST_CHECK_EQUAL(rounds.reserve({prompt(1, tokens(70, 7)), prompt(2, tokens(70, 7))})[1].n_rows,
                    70);
  rounds.release(1, tokens(70, 7));
  BOOST_CHECK_EQUAL(rounds.cache.usage().cached, 0);
  BOOST_CHECK_EQUAL(rounds.reserve({prompt(3, tokens(70, 7))})[0].cached_tokens, 0);
}

BOOST_AUTO_TEST_CASE(the_least_recently_used_prefix_is_evicted_first) {
  Rounds rounds(4);
  for (int i = 1; i <= 3; ++i) {
    rounds.reserve({prompt(static_cast<SequenceId>(i), tokens(32, i))});
    rounds.release(static_cast<SequenceId>(i), tokens(32, i));
  }
  rounds.reserve({prompt(4, tokens(33, 1))});  // uses the first one again
  rounds.release(4, tokens(32, 1));
  BOOST_CHECK_EQUAL(rounds.cache.usage().cached, 3);
  rounds.reserve({prompt(5, tokens(40, 9))});  // one page is free, one must go
  rounds.release(5, nullptr);
  BOOST_CHECK_EQUAL(rounds.reserve({prompt(6, tokens(33, 2))})[0].cached_tokens, 0);
  rounds.release(6, nullptr);
  BOOST_CHECK_EQUAL(rounds.reserve({prompt(7, tokens(33, 1))})[0].cached_tokens, 32);
}

BOOST_AUTO_TEST_CASE(rows_that_never_ran_are_not_found) {
  Rounds rounds(8);
  rounds.reserve({prompt(1, tokens(100, 7))}, 40);
  rounds.reserve({more(1, 60, true)});  // whose rows are in no step
  rounds.release(1, tokens(40, 7));
  BOOST_CHECK_EQUAL(rounds.cache.usage().free, 8);
  BOOST_CHECK_EQUAL(rounds.cache.usage().cached, 1);
  BOOST_CHECK_EQUAL(rounds.reserve({prompt(2, tokens(100, 7))})[0].cached_tokens, 32);
}

BOOST_AUTO_TEST_CASE(rows_of_wrong_guesses_are_granted_again) {
  Rounds rounds(16);
  rounds.reserve({prompt(1, tokens(30, 7))});
  auto grant = rounds.reserve({draft(1, 5)})[0];  // positions 30 to 35
  BOOST_CHECK_EQUAL(grant.n_rows, 6);
  BOOST_CHECK_EQUAL(grant.new_pages.size(), 1);
  grant = rounds.reserve({draft(1, 3, 4)})[0];  // from 32 on
  BOOST_CHECK_EQUAL(grant.n_rows, 4);
  BOOST_CHECK(grant.new_pages.empty());
  for (int i = 0; i < 28; ++i) grant = rounds.reserve({more(1, 1)})[0];  // up to 63
  BOOST_CHECK(grant.new_pages.empty());
  BOOST_CHECK_EQUAL(rounds.reserve({more(1, 1)})[0].new_pages.size(), 1);
  BOOST_CHECK_EQUAL(rounds.cache.usage().free, 16 - 3);
}

BOOST_AUTO_TEST_CASE(a_guess_takes_nobodys_row_or_page) {
  Rounds rounds(3);
  rounds.reserve({prompt(1, tokens(30, 1)), prompt(2, tokens(60, 2))});
  auto grants = rounds.reserve({draft(1, 5), more(2, 1)});  // no page is left beyond position 31
  BOOST_CHECK_EQUAL(grants[0].n_rows, 1);
  BOOST_CHECK(!grants[0].exhausted);
  BOOST_CHECK_EQUAL(grants[1].n_rows, 1);
  grants = rounds.reserve({draft(2, 2), draft(1, 1)}, 2);
  BOOST_CHECK_EQUAL(grants[0].n_rows, 2);
  BOOST_CHECK_EQUAL(grants[1].n_rows, 0);
  BOOST_CHECK(!grants[1].exhausted);
}

BOOST_AUTO_TEST_CASE(rows_and_pages_are_granted_in_order_until_they_run_out) {
  Rounds rounds(4);
  auto grants = rounds.reserve(
      {prompt(1, tokens(50, 1)), prompt(2, tokens(50, 2)), prompt(3, tokens(10, 3))}, 60);
  BOOST_CHECK_EQUAL(grants[0].n_rows, 50);
  BOOST_CHECK_EQUAL(grants[1].n_rows, 10);
  BOOST_CHECK_EQUAL(grants[2].n_rows, 0);
  BOOST_CHECK(!grants[2].exhausted);  // for want of rows
  grants = rounds.reserve({more(2, 40, true), more(1, 15), more(1, 1), prompt(3, tokens(10, 3))});
  BOOST_CHECK_EQUAL(grants[0].n_rows, 40);
  BOOST_CHECK_EQUAL(grants[1].n_rows, 0);
  BOOST_CHECK(grants[1].exhausted);
  BOOST_CHECK_EQUAL(grants[2].n_rows, 1);  // needs no page
  BOOST_CHECK(grants[3].exhausted);
}

BOOST_AUTO_TEST_CASE(a_first_grant_leaves_pages_for_those_that_run) {
  Rounds rounds(4);
  rounds.reserve({prompt(1, tokens(30, 1))});
  BOOST_CHECK(rounds.reserve({prompt(2, tokens(70, 2))}, 1000, 1)[0].exhausted);
  BOOST_CHECK_EQUAL(rounds.reserve({prompt(2, tokens(60, 2))}, 1000, 1)[0].n_rows, 60);
  BOOST_CHECK_EQUAL(rounds.reserve({more(1, 1), more(1, 5)}, 1000, 1)[1].n_rows, 5);
}

BOOST_AUTO_TEST_CASE(clear_forgets_everything) {
  Rounds rounds(8);
  rounds.reserve({prompt(1, tokens(70, 7))});
  rounds.cache.reserve({.round = 9, .clear = true, .releases = {}, .reservations = {}});
  BOOST_CHECK(rounds.cache.usage() == (KvCache::Usage{8, 8, 0}));
  BOOST_CHECK_EQUAL(rounds.reserve({prompt(1, tokens(70, 7))})[0].cached_tokens, 0);
}

BOOST_AUTO_TEST_CASE(what_breaks_the_contract_throws) {
  Rounds rounds(8);
  BOOST_CHECK_THROW(rounds.reserve({more(1, 1)}), std::logic_error);
  BOOST_CHECK_THROW(rounds.release(1, nullptr), std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
