#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "engine/kv/kv_cache.hpp"

namespace nanoflow {
namespace {

using Prompt = std::vector<TokenId>;

/// Every page of another conversation has other tokens.
Tokens conversation(TokenId of, int n_pages) {
  auto tokens = std::make_shared<Prompt>();
  for (int i = 0; i <= n_pages * page_size; ++i) tokens->push_back(of * 10'000 + i);
  return tokens;
}

/// A cache with a spill file whose copies end when the test says so.
struct Spilling {
  KvCache cache;
  std::uint64_t step = 0;
  SequenceId last_sequence = 0;
  double row_ms = 1, copy_ms = 1;
  std::uint64_t n_unfinished = 0;       // of the steps before
  std::vector<PageCopy> written, read;  // in the order in which they ended

  Spilling(int n_pages, int n_spilled) : cache({.n_pages = n_pages, .n_spilled = n_spilled}) {}

  std::vector<Grant> reserve(std::vector<Reservation> reservations,
                             std::vector<Release> releases = {}, bool clear = false) {
    ++step;
    return cache
        .reserve({.round = step,
                  .clear = clear,
                  .releases = std::move(releases),
                  .step = step,
                  .finished = step - 1 - std::min(step - 1, n_unfinished),
                  .row_ms = row_ms,
                  .max_rows = 1000,
                  .reservations = std::move(reservations)})
        .grants;
  }
  Reservation first(const Tokens& prompt, const std::string& salt = "") {
    return {.sequence = ++last_sequence,
            .n_rows = static_cast<int>(prompt->size()),
            .chunk = true,
            .prompt = prompt,
            .salt = salt};
  }
  /// Until nothing is left to copy.
  void copy_all() {
    for (auto copies = cache.start_copies(4); !copies.empty(); copies = cache.start_copies(4))
      for (const auto& copy : copies) end(copy);
  }
  void end(const PageCopy& copy) {
    (copy.out ? written : read).push_back(copy);
    cache.copied(copy.id, copy_ms);
  }
  /// Asks, waits for pages where that is what it is told to do, and ends. What was cached.
  int ask(const Tokens& prompt, const std::string& salt = "") {
    const auto asked = first(prompt, salt);
    auto grant = reserve({asked}).front();
    if (grant.n_rows == 0) {
      copy_all();
      BOOST_TEST(cache.take_ask_again());
      grant = reserve({asked}).front();
    }
    BOOST_REQUIRE(grant.n_rows > 0);
    reserve({}, {{asked.sequence, prompt}});
    copy_all();
    return grant.cached_tokens;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(spilling)

BOOST_AUTO_TEST_CASE(a_conversation_that_returns_after_its_eviction_is_read) {
  Spilling spilling(16, 100);
  for (int i = 1; i <= 5; ++i) BOOST_TEST(spilling.ask(conversation(i, 8)) == 0);
  BOOST_TEST(spilling.read.empty());
  for (int i = 1; i <= 5; ++i) BOOST_TEST(spilling.ask(conversation(i, 8)) == 8 * page_size);
  BOOST_TEST(!spilling.read.empty());
  for (const auto& copy : spilling.read)
    BOOST_TEST(std::any_of(spilling.written.begin(), spilling.written.end(),
                           [&](const auto& each) { return each.slot == copy.slot; }));
}

BOOST_AUTO_TEST_CASE(a_page_is_written_once_however_often_it_leaves_memory) {
  Spilling spilling(16, 100);
  for (int round = 0; round < 5; ++round)
    for (int i = 1; i <= 5; ++i) spilling.ask(conversation(i, 8));
  BOOST_TEST(spilling.written.size() <= 40u);
  BOOST_TEST(spilling.cache.usage().spilled <= 40);
}

BOOST_AUTO_TEST_CASE(nothing_is_written_while_half_of_the_pages_were_never_needed) {
  Spilling spilling(32, 100);
  spilling.ask(conversation(1, 14));
  BOOST_TEST(spilling.written.empty());
  spilling.ask(conversation(2, 4));
  BOOST_TEST(spilling.written.size() == 18u);
}

BOOST_AUTO_TEST_CASE(another_salt_reads_nothing) {
  Spilling spilling(16, 100);
  for (int i = 1; i <= 5; ++i) spilling.ask(conversation(i, 8), "a");
  BOOST_TEST(spilling.ask(conversation(1, 8), "b") == 0);
  BOOST_TEST(spilling.ask(conversation(2, 8), "a") == 8 * page_size);
}

BOOST_AUTO_TEST_CASE(a_page_whose_step_has_not_ended_is_not_written) {
  Spilling spilling(16, 100);
  spilling.n_unfinished = 2;
  const auto prompt = conversation(1, 12);
  const auto asked = spilling.first(prompt);
  spilling.reserve({asked});
  spilling.reserve({}, {{asked.sequence, prompt}});  // its step may still run
  BOOST_TEST(spilling.cache.start_copies(4).empty());
  spilling.reserve({});
  BOOST_TEST(spilling.cache.start_copies(4).empty());
  spilling.reserve({});
  BOOST_TEST(spilling.cache.start_copies(4).size() == 4u);
}

BOOST_AUTO_TEST_CASE(what_is_read_waits_for_steps_that_may_use_its_page) {
  Spilling spilling(16, 100);
  for (int i = 1; i <= 3; ++i) spilling.ask(conversation(i, 8));
  spilling.n_unfinished = 1;
  const auto asked = spilling.first(conversation(1, 8));
  BOOST_TEST(spilling.reserve({asked}).front().n_rows == 0);  // another step is in flight
  spilling.copy_all();
  BOOST_TEST(spilling.cache.take_arrivals().empty());
  BOOST_TEST(!spilling.cache.take_ask_again());
  const auto grant = spilling.reserve({asked}).front();  // now it has ended
  BOOST_TEST(spilling.cache.take_arrivals().size() == 8u);
  BOOST_TEST(grant.cached_tokens == 8 * page_size);
}

BOOST_AUTO_TEST_CASE(reading_that_is_slower_than_computing_is_not_done) {
  Spilling spilling(16, 100);
  spilling.copy_ms = 40;  // a page, which is 32 rows
  for (int i = 1; i <= 3; ++i) spilling.ask(conversation(i, 8));
  BOOST_TEST(spilling.ask(conversation(1, 8)) == 8 * page_size);  // so it is known
  const auto n_read = spilling.read.size();
  BOOST_TEST(spilling.ask(conversation(2, 8)) == 0);
  BOOST_TEST(spilling.read.size() == n_read);
  spilling.row_ms = 2;
  BOOST_TEST(spilling.ask(conversation(1, 8)) == 8 * page_size);
}

BOOST_AUTO_TEST_CASE(a_slow_disk_is_tried_again_now_and_then) {
  Spilling spilling(16, 1000);
  spilling.copy_ms = 40;
  for (int round = 0; round < 60; ++round)
    for (int i = 1; i <= 3; ++i) {
      if (round == 30) spilling.copy_ms = 1;
      spilling.ask(conversation(i, 8));
    }
  BOOST_TEST(spilling.ask(conversation(1, 8)) == 8 * page_size);
}

BOOST_AUTO_TEST_CASE(a_running_sequence_gets_the_pages_of_a_read) {
  Spilling spilling(16, 100);
  for (int i = 1; i <= 3; ++i) spilling.ask(conversation(i, 7));
  const auto runs = spilling.first(conversation(9, 3));
  spilling.reserve({runs});
  const auto waits = spilling.first(conversation(1, 7));
  BOOST_TEST(spilling.reserve({waits}).front().n_rows == 0);
  const auto copies = spilling.cache.start_copies(4);
  const auto grants = spilling.reserve({{.sequence = runs.sequence,
                                         .n_rows = 12 * page_size,
                                         .chunk = true,
                                         .prompt = {},
                                         .salt = {}}});
  BOOST_TEST(grants.front().n_rows == 12 * page_size);
  BOOST_TEST(spilling.cache.take_ask_again());
  for (const auto& copy : copies) spilling.end(copy);
  for (const auto& arrival : spilling.cache.take_arrivals()) BOOST_TEST(!arrival.page);
}

BOOST_AUTO_TEST_CASE(a_full_file_forgets_what_left_memory_first) {
  Spilling spilling(16, 24);
  for (int i = 1; i <= 6; ++i) spilling.ask(conversation(i, 8));
  BOOST_TEST(spilling.cache.usage().spilled <= 24);
  BOOST_TEST(spilling.ask(conversation(5, 8)) == 8 * page_size);
  BOOST_TEST(spilling.ask(conversation(1, 8)) == 0);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_smaller_than_memory_is_not_written_again_and_again) {
  Spilling spilling(64, 8);
  for (int i = 1; i <= 7; ++i) spilling.ask(conversation(i, 8));
  const auto n_written = spilling.written.size();
  for (int i = 0; i < 100; ++i) spilling.copy_all();
  BOOST_TEST(spilling.written.size() == n_written);
}

BOOST_AUTO_TEST_CASE(after_a_failure_of_the_device_nothing_is_read) {
  Spilling spilling(16, 100);
  for (int i = 1; i <= 3; ++i) spilling.ask(conversation(i, 8));
  const auto asked = spilling.first(conversation(1, 8));
  spilling.reserve({asked});
  const auto reads = spilling.cache.start_copies(2);
  spilling.reserve({}, {}, true);
  for (const auto& copy : reads) spilling.end(copy);
  for (const auto& arrival : spilling.cache.take_arrivals()) BOOST_TEST(!arrival.page);
  BOOST_TEST(spilling.cache.usage().spilled == 0);
  BOOST_TEST(spilling.cache.usage().free == 16);
  BOOST_TEST(spilling.ask(conversation(2, 8)) == 0);
}

BOOST_AUTO_TEST_CASE(without_its_file_all_goes_on) {
  Spilling spilling(16, 100);
  for (int i = 1; i <= 3; ++i) spilling.ask(conversation(i, 8));
  const auto asked = spilling.first(conversation(1, 8));
  BOOST_TEST(spilling.reserve({asked}).front().n_rows == 0);
  const auto reads = spilling.cache.start_copies(4);
  spilling.cache.stop_spilling();
  BOOST_TEST(spilling.cache.take_ask_again());
  const auto grant = spilling.reserve({asked}).front();
  BOOST_TEST(grant.cached_tokens == 0);
  BOOST_TEST(grant.n_rows > 0);
  for (const auto& copy : reads) spilling.end(copy);
  BOOST_TEST(spilling.cache.start_copies(4).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
