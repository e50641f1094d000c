#include "engine/device/null_device.hpp"

#include <boost/test/unit_test.hpp>

namespace nanoflow {
namespace {

struct Fixture {
  std::unique_ptr<Device> device = make_null_device();
  std::shared_ptr<DeviceModel> model = device->load(
      Checkpoint::open(NANOFLOW_TEST_DATA "/logits/llama"),
      {.context = 64, .n_pages = 4, .n_slots = 2, .max_step_tokens = 8, .progress = {}});
  std::uint64_t number = 0;

  StepResult run(std::vector<StepSequence> sequences) {
    const Step step{.number = ++number, .sequences = std::move(sequences)};
    const auto programs = model->prepare(step, sequential_schedule(model->graph()));
    BOOST_TEST(device->streams()[0]->run(*programs.at(0)).at(0).step == number);
    return model->result(number);
  }
};

StepSequence rows(SlotId slot, int position, std::vector<TokenId> tokens, bool samples) {
  StepSequence sequence;
  sequence.slot = slot;
  sequence.position = position;
  sequence.n_rows = tokens.empty() ? 1 : static_cast<int>(tokens.size());
  sequence.tokens = std::move(tokens);
  sequence.samples = samples;
  return sequence;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(the_null_device, Fixture)

BOOST_AUTO_TEST_CASE(gives_each_sequence_that_samples_a_token_by_its_position) {
  const auto first = run({rows(0, 0, {1, 2, 3}, true), rows(1, 0, {4, 5}, false)});
  BOOST_REQUIRE_EQUAL(first.sampled.size(), 1u);
  BOOST_TEST(first.sampled[0].slot == 0);
  const auto second = run({rows(0, 3, {}, true), rows(1, 2, {6}, true)});
  BOOST_REQUIRE_EQUAL(second.sampled.size(), 2u);
  BOOST_TEST(second.sampled[1].slot == 1);
  BOOST_TEST(second.sampled[1].token == first.sampled[0].token);  // both are at position 3
  BOOST_TEST(second.sampled[0].token != first.sampled[0].token);
}

BOOST_AUTO_TEST_CASE(accepts_guesses_as_long_as_they_are_right) {
  const TokenId fourth = run({rows(0, 3, {9}, true)}).sampled.at(0).token;
  const TokenId fifth = run({rows(0, 4, {9}, true)}).sampled.at(0).token;
  const auto draft = [&](std::vector<TokenId> tokens) {
    auto sequence = rows(0, 3, std::move(tokens), true);
    sequence.n_draft = 2;
    return run({sequence}).sampled.size();
  };
  BOOST_TEST(draft({9, fourth, fifth}) == 3u);
  BOOST_TEST(draft({9, fourth, fourth}) == 2u);
  BOOST_TEST(draft({9, fifth, fifth}) == 1u);
}

BOOST_AUTO_TEST_CASE(is_made_by_name) {
  BOOST_TEST(make_device({.kind = "null"})->name() == "null");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
