#include "engine/batch/prompt_lookup.hpp"

#include <boost/test/unit_test.hpp>
#include <random>

namespace nanoflow::test {
namespace {

PromptLookup read(const std::vector<TokenId>& tokens) {
  PromptLookup lookup;
  for (const TokenId token : tokens) lookup.append(token);
  return lookup;
}

/// As the header says it, place by place.
std::vector<TokenId> by_hand(const std::vector<TokenId>& tokens, int n) {
  const int size = static_cast<int>(tokens.size());
  const auto at = [&](int i) { return tokens[static_cast<std::size_t>(i)]; };
  int longest = 0, next = 0;
  for (int end = 1; end < size; ++end) {
    int length = 0;
    while (length < end && length < PromptLookup::most_match &&
           at(end - 1 - length) == at(size - 1 - length))
      ++length;
    if (length >= PromptLookup::least_match && length >= longest) {
      longest = length;
      next = end;
    }
  }
  auto all = tokens;
  for (int i = 0; next > 0 && i < n; ++i) all.push_back(all[static_cast<std::size_t>(next + i)]);
  return {all.begin() + size, all.end()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(prompt_lookup)

BOOST_AUTO_TEST_CASE(what_followed_the_longest_match_follows_again) {
  using Found = std::vector<TokenId>;
  BOOST_TEST(read({}).continuation(3).empty());
  BOOST_TEST(read({1, 2, 1, 2}).continuation(3).empty());  // two alike say nothing
  BOOST_CHECK(read({1, 2, 3, 4, 5, 1, 2, 3}).continuation(2) == (Found{4, 5}));
  // After 9 1 2 3 came 7, and after 1 2 3 at last 8.
  BOOST_CHECK(read({9, 1, 2, 3, 7, 0, 1, 2, 3, 8, 9, 1, 2, 3}).continuation(1) == (Found{7}));
  BOOST_CHECK(read({1, 2, 3, 7, 0, 1, 2, 3, 8, 9, 1, 2, 3}).continuation(1) == (Found{8}));
  BOOST_CHECK(read({1, 2, 3, 1, 2, 3, 1}).continuation(5) == (Found{2, 3, 1, 2, 3}));
  BOOST_CHECK(read({4, 4, 4, 4}).continuation(3) == (Found{4, 4, 4}));
}

BOOST_AUTO_TEST_CASE(every_place_is_found_whatever_the_tokens_are) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const int n_kinds = 2 + static_cast<int>(random() % 20);
    std::vector<TokenId> tokens;
    PromptLookup lookup;
    int found = 0;
    while (tokens.size() < 60) {  // few enough for every place to be looked at
      tokens.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(n_kinds)));
      lookup.append(tokens.back());
      const auto expected = by_hand(tokens, 5);
      BOOST_REQUIRE(lookup.continuation(5) == expected);
      found += expected.empty() ? 0 : 1;
    }
    if (n_kinds < 4) BOOST_TEST(found > 0);
  }
}

BOOST_AUTO_TEST_CASE(a_long_text_is_found_again_from_its_first_repeated_tokens_on) {
  std::mt19937 random(8);
  std::vector<TokenId> text(5000);
  for (auto& token : text) token = static_cast<TokenId>(random() % 50000);
  auto lookup = read(text);
  BOOST_TEST(lookup.continuation(4).empty());
  for (int i = 0; i < 5000; ++i) {
    lookup.append(text[static_cast<std::size_t>(i)]);
    if (i < 2 || i + 4 >= 5000) continue;
    const auto expected = text.begin() + i + 1;
    BOOST_REQUIRE(lookup.continuation(4) == std::vector<TokenId>(expected, expected + 4));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
