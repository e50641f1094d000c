#include "engine/device/simulated.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <numeric>
#include <stdexcept>

#include "tests/engine/device/config_only.hpp"

namespace nanoflow::test {
namespace {

constexpr int vocab_size = 1000;

/// A device with one model, and the steps that it is given one after the other.
struct Rig {
  std::unique_ptr<Device> device;
  std::shared_ptr<DeviceModel> model;
  Schedule sequential;
  std::uint64_t step = 0;

  explicit Rig(SimulatedOptions options = {}) : device(make_simulated_device(options)) {
    model = device->load(
        std::make_shared<ConfigOnly>(vocab_size),
        {.context = 256, .n_pages = 16, .n_slots = 4, .max_step_tokens = 100, .progress = nullptr});
    sequential = sequential_schedule(model->graph());
  }
  std::vector<StepResult::Sampled> run(std::vector<StepSequence> sequences) {
    const auto programs =
        model->prepare({.number = ++step, .sequences = std::move(sequences)}, sequential);
    device->streams()[0]->run(*programs.at(0));
    auto result = model->result(step);
    BOOST_REQUIRE_EQUAL(result.number, step);
    return result.sampled;
  }
};

std::shared_ptr<SamplingParams> greedy() {
  auto sampling = std::make_shared<SamplingParams>();
  sampling->temperature = 0;
  return sampling;
}

std::vector<TokenId> tokens(int n, TokenId first = 1) {
  std::vector<TokenId> result(static_cast<std::size_t>(n));
  std::iota(result.begin(), result.end(), first);
  return result;
}

/// The whole prompt in one step; cached of its tokens are in the pages already.
StepSequence prompt(SlotId slot, const std::vector<TokenId>& all, std::vector<PageId> pages,
                    std::shared_ptr<const SamplingParams> sampling = greedy(), int cached = 0) {
  StepSequence rows;
  rows.slot = slot;
  rows.position = cached;
  rows.n_rows = static_cast<int>(all.size()) - cached;
  rows.tokens.assign(all.begin() + cached, all.end());
  rows.pages = std::move(pages);
  rows.samples = true;
  rows.sampling = std::move(sampling);
  rows.start = std::make_shared<const SlotStart>(SlotStart{all, static_cast<int>(all.size())});
  return rows;
}

StepSequence newest(SlotId slot, int position, std::vector<PageId> pages,
                    std::shared_ptr<const SamplingParams> sampling = greedy()) {
  StepSequence rows;
  rows.slot = slot;
  rows.position = position;
  rows.n_rows = 1;
  rows.pages = std::move(pages);
  rows.samples = true;
  rows.sampling = std::move(sampling);
  return rows;
}

/// The newest token by value, and guesses after it.
StepSequence draft(SlotId slot, int position, const std::vector<TokenId>& tokens,
                   std::vector<PageId> pages,
                   std::shared_ptr<const SamplingParams> sampling = greedy()) {
  auto rows = newest(slot, position, std::move(pages), std::move(sampling));
  rows.tokens = tokens;
  rows.n_rows = static_cast<int>(tokens.size());
  rows.n_draft = rows.n_rows - 1;
  return rows;
}

TokenId answer(const std::vector<TokenId>& all, std::shared_ptr<const SamplingParams> sampling) {
  std::vector<PageId> pages((all.size() + page_size - 1) / page_size);
  std::iota(pages.begin(), pages.end(), 0);
  return Rig().run({prompt(0, all, pages, std::move(sampling))})[0].token;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(simulated)

BOOST_AUTO_TEST_CASE(a_token_depends_on_every_token_before_it_and_on_nothing_else) {
  const auto all = tokens(50);
  const auto token = answer(all, greedy());
  BOOST_CHECK(token >= 0 && token < vocab_size);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto other = all;
    other[i] = 999;
    BOOST_CHECK(answer(other, greedy()) != token);
  }
  Rig rig;  // other pages, another slot, a neighbour, in two chunks
  auto chunk = prompt(2, all, {5}, nullptr);
  chunk.samples = false;
  chunk.n_rows = 20;
  chunk.tokens.resize(20);
  rig.run({prompt(1, tokens(10, 7), {9}), chunk});
  auto rest = prompt(2, all, {5, 3}, greedy(), 20);
  rest.start = nullptr;
  BOOST_CHECK_EQUAL(rig.run({rest, newest(1, 10, {9})})[0].token, token);
}

BOOST_AUTO_TEST_CASE(the_newest_token_comes_from_the_slot_and_a_restart_gives_the_same) {
  Rig rig;
  auto all = tokens(30);
  all.push_back(rig.run({prompt(0, all, {0})})[0].token);
  all.push_back(rig.run({newest(0, 30, {0})})[0].token);
  const auto next = rig.run({newest(0, 31, {0})})[0].token;
  BOOST_CHECK_EQUAL(Rig().run({prompt(0, all, {0})})[0].token, next);
}

BOOST_AUTO_TEST_CASE(a_step_can_be_prepared_before_the_one_before_it_has_run) {
  Rig rig;
  const auto all = tokens(30);
  const auto first =
      rig.model->prepare({.number = 1, .sequences = {prompt(0, all, {0})}}, rig.sequential);
  const auto second =
      rig.model->prepare({.number = 2, .sequences = {newest(0, 30, {0})}}, rig.sequential);
  rig.device->streams()[0]->run(*first[0]);
  rig.device->streams()[0]->run(*second[0]);
  BOOST_CHECK_EQUAL(rig.model->result(1).sampled.size(), 1);
  BOOST_CHECK_EQUAL(rig.model->result(2).sampled.size(), 1);
}

BOOST_AUTO_TEST_CASE(draws_depend_on_seed_and_choice_where_there_is_a_temperature) {
  const auto draw = [](float temperature, std::uint64_t seed, int choice) {
    auto sampling = greedy();
    sampling->temperature = temperature;
    sampling->seed = seed;
    auto rows = prompt(0, tokens(10), {0}, sampling);
    rows.choice = choice;
    return Rig().run({rows})[0].token;
  };
  BOOST_CHECK_EQUAL(draw(0, 1, 0), draw(0, 2, 1));
  BOOST_CHECK_EQUAL(draw(1, 1, 0), draw(1, 1, 0));
  BOOST_CHECK(draw(1, 1, 0) != draw(1, 2, 0));
  BOOST_CHECK(draw(1, 1, 0) != draw(1, 1, 1));
}

BOOST_AUTO_TEST_CASE(guesses_are_taken_as_far_as_they_are_right) {
  for (int n_right = 0; n_right <= 3; ++n_right) {
    Rig one, many;
    auto sampling = greedy();
    sampling->repetition_penalty = 1.1F;  // tokens depend on the slot's history
    std::vector<TokenId> expected;
    expected.push_back(one.run({prompt(0, tokens(33), {0, 1}, sampling)})[0].token);
    for (int i = 33; i < 39; ++i)
      expected.push_back(one.run({newest(0, i, {0, 1}, sampling)})[0].token);
    many.run({prompt(0, tokens(33), {0, 1}, sampling)});
    auto guesses = std::vector<TokenId>(expected.begin(), expected.begin() + 4);
    if (n_right < 3) guesses[static_cast<std::size_t>(1 + n_right)] ^= 1;
    auto found = many.run({draft(0, 33, guesses, {0, 1}, sampling)});
    BOOST_REQUIRE_EQUAL(found.size(), 1 + n_right);
    found.push_back(many.run({newest(0, 34 + n_right, {0, 1}, sampling)})[0]);
    for (std::size_t i = 0; i < found.size(); ++i)
      BOOST_CHECK_EQUAL(found[i].token, expected[1 + i]);
  }
}

BOOST_AUTO_TEST_CASE(a_guess_in_place_of_the_newest_token_is_noticed) {
  Rig rig;
  const auto first = rig.run({prompt(0, tokens(30), {0})})[0].token;
  BOOST_CHECK_THROW(rig.run({draft(0, 30, {first ^ 1, 5}, {0})}), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_bias_below_100_chooses_its_token_in_so_many_cases) {
  auto sampling = greedy();
  sampling->logit_bias = {{5, 70.0F}};
  int n = 0;
  for (TokenId first = 0; first < 500; ++first) n += answer(tokens(3, first), sampling) == 5;
  BOOST_TEST(n > 300);
  BOOST_TEST(n < 400);
}

BOOST_AUTO_TEST_CASE(bias_min_tokens_and_log_probabilities) {
  const auto all = tokens(10);
  const auto token = answer(all, greedy());
  auto sampling = greedy();
  sampling->logit_bias = {{token, -100.0F}};
  BOOST_CHECK(answer(all, sampling) != token);
  sampling->logit_bias = {{5, 100.0F}};
  BOOST_CHECK_EQUAL(answer(all, sampling), 5);
  sampling->end_tokens = {5};
  sampling->min_tokens = 1;
  BOOST_CHECK(answer(all, sampling) != 5);

  sampling = greedy();
  BOOST_CHECK(!Rig().run({prompt(0, all, {0}, sampling)})[0].logprobs);
  sampling->logprobs = 3;
  const auto logprobs = Rig().run({prompt(0, all, {0}, sampling)})[0].logprobs.value();
  BOOST_REQUIRE_EQUAL(logprobs.top.size(), 3);
  BOOST_CHECK_EQUAL(logprobs.top[0].first, token);
  BOOST_CHECK_EQUAL(logprobs.top[0].second, logprobs.logprob);
  BOOST_CHECK(logprobs.top[0].second > logprobs.top[1].second);
}

BOOST_AUTO_TEST_CASE(what_breaks_the_contract_of_a_step_throws) {
  const auto all = tokens(40);
  const auto broken = [&](auto change) {
    Rig rig;
    auto first = prompt(0, all, {0, 1}), second = prompt(1, tokens(10), {2});
    change(first, second);
    BOOST_CHECK_THROW(rig.run({first, second}), std::logic_error);
  };
  using S = StepSequence;
  broken([](S& a, S&) { a.pages = {0}; });      // too few pages
  broken([](S& a, S&) { a.pages = {0, 16}; });  // no such page
  broken([](S& a, S&) { a.pages = {0, 2}; });   // another's page
  broken([](S& a, S&) {
    a.position = 1;
    a.n_rows = 39;
  });                                           // rows and tokens differ
  broken([](S& a, S& b) { b.slot = a.slot; });  // one slot twice
  broken([](S& a, S&) { a.slot = 4; });         // no such slot
  broken([](S& a, S&) { a.sampling = nullptr; });
  broken([](S& a, S&) { a.n_draft = 40; });     // no row that is no guess
  broken([](S& a, S&) { a.n_draft = 17; });     // more than all may have together
  broken([](S& a, S&) { a.start = nullptr; });  // a slot that never began
  broken([&](S& a, S&) { a = prompt(0, all, {0, 1}, greedy(), 32); });  // nothing was cached there
  broken([](S& a, S&) { a = prompt(0, tokens(95), {0, 1, 3}); });       // 105 rows
}

BOOST_AUTO_TEST_CASE(positions_that_do_not_follow_throw) {
  Rig rig;
  rig.run({prompt(0, tokens(10), {0})});
  BOOST_CHECK_THROW(rig.run({newest(0, 11, {0})}), std::logic_error);
  BOOST_CHECK_THROW(rig.model->result(7), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_page_of_another_sequence_is_noticed) {
  Rig rig;
  rig.run({prompt(0, tokens(40), {0, 1}), prompt(1, tokens(40, 500), {2, 3})});
  const auto right = rig.run({newest(0, 40, {0, 1}), newest(1, 40, {2, 3})});
  Rig wrong;
  wrong.run({prompt(0, tokens(40), {0, 1}), prompt(1, tokens(40, 500), {2, 3})});
  const auto sampled = wrong.run({newest(0, 40, {2, 1}), newest(1, 40, {2, 3})});
  BOOST_CHECK(sampled[0].token != right[0].token);
  BOOST_CHECK_EQUAL(sampled[1].token, right[1].token);
}

BOOST_AUTO_TEST_CASE(a_failure_loses_pages_and_slots) {
  Rig rig({.step_time = std::chrono::microseconds(0), .fail_every = 2});
  rig.run({prompt(0, tokens(10), {0})});
  BOOST_CHECK_THROW(rig.run({newest(0, 10, {0})}), std::runtime_error);
  BOOST_CHECK_THROW(rig.run({newest(0, 10, {0})}), std::logic_error);
}

BOOST_AUTO_TEST_CASE(the_environment_sets_what_a_daemon_cannot) {
  setenv("NANOFLOW_SIMULATED_FAIL_EVERY", "1", 1);
  Rig rig;
  rig.device = make_simulated_device(DeviceOptions{});
  rig.model = rig.device->load(
      std::make_shared<ConfigOnly>(vocab_size),
      {.context = 64, .n_pages = 2, .n_slots = 1, .max_step_tokens = 64, .progress = nullptr});
  BOOST_CHECK_THROW(rig.run({prompt(0, tokens(10), {0})}), std::runtime_error);
  setenv("NANOFLOW_SIMULATED_FAIL_EVERY", "often", 1);
  BOOST_CHECK_THROW(make_simulated_device(DeviceOptions{}), std::runtime_error);
  unsetenv("NANOFLOW_SIMULATED_FAIL_EVERY");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
