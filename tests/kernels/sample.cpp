#include "kernels/sample.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "fixture.hpp"
#include "kernels/logits.hpp"
#include "kernels/philox.hpp"

using namespace nanoflow::kernels;
using namespace nanoflow::kernels::test;

namespace {

/// The parameters of a golden case, with the storage that they point into.
struct Parameters {
  std::vector<std::pair<std::int32_t, float>> bias;
  std::vector<TokenCount> history;
  std::vector<std::int32_t> banned;
  SampleParams params;

  explicit Parameters(const nlohmann::json& j) : bias(j["logit_bias"]), banned(j["banned"]) {
    for (const auto& entry : j["history"]) history.push_back({entry[0], entry[1]});
    params = {.temperature = j["temperature"],
              .top_k = j["top_k"],
              .top_p = j["top_p"],
              .min_p = j["min_p"],
              .presence_penalty = j["presence_penalty"],
              .frequency_penalty = j["frequency_penalty"],
              .repetition_penalty = j["repetition_penalty"],
              .logit_bias = bias,
              .history = history,
              .banned = banned,
              .seed = j["seed"],
              .choice = j["choice"]};
  }
};

std::int32_t sample_of(const std::vector<float>& logits, const SampleParams& params) {
  std::vector<float> scratch(sample_scratch_floats(static_cast<int>(logits.size())), NAN);
  return sample(logits.data(), static_cast<int>(logits.size()), params, scratch.data());
}

/// Of parts of any lengths, in any order, shared out to three workers.
std::int32_t largest_of_parts(const std::vector<float>& logits, std::mt19937& random) {
  std::vector<std::pair<int, int>> parts;
  for (int begin = 0, n = 0; begin < std::ssize(logits); begin += n) {
    n = std::uniform_int_distribution(
        1, std::min(200, static_cast<int>(std::ssize(logits)) - begin))(random);
    parts.emplace_back(begin, n);
  }
  std::shuffle(parts.begin(), parts.end(), random);
  std::array<LargestLogit, 3> workers;
  for (const auto& [begin, n] : parts)
    workers[random() % workers.size()].add(logits.data() + begin, begin, n);
  LargestLogit largest;
  for (const auto& worker : workers) largest.add(worker);
  return largest.token;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sample_)

BOOST_AUTO_TEST_CASE(philox_has_the_known_answers_of_random123) {
  // tests/kat_vectors of the Random123 distribution, the lines "philox4x32 10".
  using Words = std::array<std::uint32_t, 4>;
  const std::uint32_t ones = 0xffffffff;
  BOOST_TEST(
      (philox4x32({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  BOOST_TEST((philox4x32({ones, ones, ones, ones}, {ones, ones}) ==
              Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  BOOST_TEST(
      (philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
       Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

BOOST_AUTO_TEST_CASE(draws_are_those_of_the_independent_implementation) {
  for (const auto& draw : goldens()["sampling"]["draws"]) {
    BOOST_TEST(uniform(draw[0], draw[1], draw[2]) == draw[3].get<double>());
  }
}

BOOST_AUTO_TEST_CASE(tokens_are_those_of_the_independent_implementation) {
  const auto& golden = goldens()["sampling"];
  for (const auto& entry : golden["cases"]) {
    Parameters parameters(entry["params"]);
    const auto logits = floats(golden["rows"][entry["row"].get<int>()]);
    for (const auto& expected : entry["expected"]) {
      parameters.params.position = expected[0];
      BOOST_TEST(sample_of(logits, parameters.params) == expected[1].get<int>(),
                 entry["params"].dump());
    }
  }
}

BOOST_AUTO_TEST_CASE(every_version_picks_the_same_tokens) {
  const auto logits = random_floats(5000, 51, 4);
  const SampleParams params{.temperature = 0.8F, .top_p = 0.95F, .seed = 5};
  for (std::uint32_t position = 0; position < 50; ++position) {
    SampleParams here = params;
    here.position = position;
    const UseIsa reference(Isa::reference);
    const auto expected = sample_of(logits, here);
    for (const Isa isa : fast_versions()) {
      const UseIsa use(isa);
      BOOST_TEST(sample_of(logits, here) == expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(frequencies_follow_the_softmax) {
  const std::vector<float> logits{std::log(1.0F), std::log(2.0F), std::log(5.0F), std::log(2.0F)};
  std::vector<int> counts(4);
  for (std::uint32_t position = 0; position < 20000; ++position) {
    ++counts[sample_of(logits, {.seed = 77, .position = position})];
  }
  const double expected[] = {2000, 4000, 10000, 4000};
  double chi_squared = 0;
  for (int i = 0; i < 4; ++i) chi_squared += std::pow(counts[i] - expected[i], 2) / expected[i];
  BOOST_TEST(chi_squared < 16.3);  // 3 degrees of freedom, p = 0.001
}

BOOST_AUTO_TEST_CASE(greedy_takes_the_lowest_of_equals) {
  BOOST_TEST(sample_of({1, 3, 3, 2, 3}, {.temperature = 0}) == 1);
  BOOST_TEST(sample_of({1, 3, 3, 2, 3}, {.temperature = 1e-42F}) == 1);  // subnormal: as 0
}

BOOST_AUTO_TEST_CASE(of_equals_the_lower_ids_are_kept) {
  for (std::uint32_t position = 0; position < 200; ++position) {
    // Weights of equals are exactly 1: half of the sum is reached by the second of four.
    BOOST_TEST(sample_of({2, 2, 2, 2}, {.top_p = 0.5F, .position = position}) < 2);
    BOOST_TEST(sample_of({2, 2, 2, 2}, {.top_k = 2, .position = position}) < 2);
    const auto token =
        sample_of({2, 9, 2, 2}, {.temperature = 100, .top_k = 3, .position = position});
    BOOST_TEST(token < 3);
  }
}

BOOST_AUTO_TEST_CASE(logits_that_are_no_numbers_have_a_defined_outcome) {
  for (const float temperature : {0.0F, 1.0F}) {
    const SampleParams params{.temperature = temperature};
    BOOST_TEST(sample_of({NAN, -2, NAN}, params) == 1);
    BOOST_TEST(sample_of({1, INFINITY, 5}, params) == 1);
    BOOST_TEST(sample_of({-INFINITY, -INFINITY, 0}, params) == 2);
    BOOST_TEST(sample_of({NAN, -INFINITY}, params) == -1);
  }
  const std::int32_t banned[] = {0, 1};
  BOOST_TEST(sample_of({1, 2}, {.banned = banned}) == -1);
}

BOOST_AUTO_TEST_CASE(ids_outside_the_vocabulary_are_ignored) {
  const std::pair<std::int32_t, float> bias[] = {{-1, 5}, {3, 5}, {0, 5}};
  const TokenCount history[] = {{99, 1}, {-7, 1}};
  const std::int32_t banned[] = {3, -1};
  BOOST_TEST(sample_of({1, 2, 3}, {.temperature = 0,
                                   .presence_penalty = 1,
                                   .logit_bias = bias,
                                   .history = history,
                                   .banned = banned}) == 0);
}

BOOST_AUTO_TEST_CASE(greedy_takes_the_lowest_id_of_the_largest_wherever_it_lies) {
  auto logits = random_floats(5000, 9);
  for (const int at : {0, 15, 16, 1023, 1024, 4992, 4999}) {
    auto row = logits;
    row[at] = 100;
    if (at + 7 < 5000) row[at + 7] = 100;
    row[(at + 2500) % 5000] = at < 2500 ? 100.0F : 99.0F;
    row[3] = NAN;
    BOOST_TEST(sample_of(row, {.temperature = 0}) == at);
    // The same where something is adjusted: another way through the code.
    const std::vector<std::int32_t> banned{2};
    BOOST_TEST(sample_of(row, {.temperature = 0, .banned = banned}) == at);
  }
  logits[4000] = INFINITY;  // the largest finite number, like the one before it
  logits[3000] = std::numeric_limits<float>::max();
  BOOST_TEST(sample_of(logits, {.temperature = 0}) == 3000);
  BOOST_TEST(sample_of(std::vector<float>(20, NAN), {.temperature = 0}) == -1);
  BOOST_TEST(sample_of(std::vector<float>(20, -INFINITY), {.temperature = 0}) == -1);
}

BOOST_AUTO_TEST_CASE(log_probabilities_are_those_of_double_precision) {
  const auto& golden = goldens()["sampling"];
  for (const auto& entry : golden["logprobs"]) {
    const auto logits = floats(golden["rows"][entry["row"].get<int>()]);
    const int n = static_cast<int>(logits.size());
    std::vector<std::pair<std::int32_t, float>> top(20);
    BOOST_TEST(std::abs(log_probabilities(top, logits.data(), n, entry["token"]) -
                        entry["logprob"].get<float>()) < 2e-6F);
    for (std::size_t i = 0; i < top.size(); ++i) {
      BOOST_TEST(top[i].first == entry["ids"][i].get<int>());
      BOOST_TEST(std::abs(top[i].second - entry["top"][i].get<float>()) < 2e-6F);
    }
  }
}

BOOST_AUTO_TEST_CASE(log_probabilities_of_odd_logits_are_defined) {
  std::vector<std::pair<std::int32_t, float>> top(3);
  const std::vector<float> logits{NAN, 1, 1};
  BOOST_TEST(std::abs(log_probabilities(top, logits.data(), 3, 2) + std::log(2.0F)) < 1e-6F);
  BOOST_TEST(top[0].first == 1);
  BOOST_TEST(top[1].first == 2);
  BOOST_TEST(top[2].first == 0);
  BOOST_TEST(top[2].second == -INFINITY);
}

BOOST_AUTO_TEST_CASE(the_largest_of_parts_is_the_greedy_choice) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float finite = std::numeric_limits<float>::max();
  std::mt19937 random(7);
  for (int n = 0; n < 400; ++n) {
    std::vector<float> logits(1 + random() % 700);
    for (auto& logit : logits) logit = static_cast<float>(random() % 50);  // so that some are equal
    for (const float special : {NAN, -infinity, infinity, finite, -finite})
      if (random() % 4 == 0) logits[random() % logits.size()] = special;
    if (n % 16 == 0) std::fill(logits.begin(), logits.end(), n % 32 == 0 ? NAN : -infinity);
    BOOST_TEST(largest_of_parts(logits, random) == sample_of(logits, {.temperature = 0}));
  }
}

BOOST_AUTO_TEST_SUITE_END()
