#include <boost/test/unit_test.hpp>
#include <map>
#include <random>

#include "engine/device/cpu_slots.hpp"

using namespace nanoflow;

BOOST_AUTO_TEST_SUITE(slots)

// Against a map that counts everything from the start.
BOOST_AUTO_TEST_CASE(history_counts_prompt_and_generated_tokens) {
  std::mt19937 random(1);
  CpuSlot slot;
  for (int round = 0; round < 20; ++round) {
    auto start = std::make_shared<SlotStart>();
    for (int i = 0; i < 60; ++i) start->tokens.push_back(static_cast<TokenId>(random() % 25));
    start->n_prompt = static_cast<int>(random() % 61);
    std::map<TokenId, int> expected;
    for (int i = 0; i < 60; ++i) expected[start->tokens[i]] += i < start->n_prompt ? 0 : 1;
    slot.begin(start);
    BOOST_TEST(slot.newest() == start->tokens.back());
    BOOST_TEST(slot.n_generated() == 60 - start->n_prompt);
    for (int i = 0; i < 30; ++i) {
      const auto& history = slot.history();
      BOOST_REQUIRE_EQUAL(history.size(), expected.size());
      auto entry = expected.begin();
      for (const auto& [token, generated] : history) {
        BOOST_REQUIRE_EQUAL(token, entry->first);
        BOOST_REQUIRE_EQUAL(generated, entry->second);
        ++entry;
      }
      const auto token = static_cast<TokenId>(random() % 50);
      slot.append(token, true);
      ++expected[token];
      BOOST_TEST(slot.newest() == token);
    }
    BOOST_TEST(slot.n_generated() == 90 - start->n_prompt);
  }
}

BOOST_AUTO_TEST_SUITE_END()
