// What prepare refuses, what sampling parameters do to a whole model, and what loading reports.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <thread>

#include "engine/plan/candidates.hpp"
#include "tests/engine/device/serve.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

const std::string llama = NANOFLOW_TEST_DATA "/logits/llama";

struct Fixture {
  std::unique_ptr<CpuDevice> device = make_test_device({2});
  std::shared_ptr<CpuModel> model = load_test_model(*device, llama, WeightFormat::f32, 8, 64);
  Schedule sequential = sequential_schedule(model->graph());

  Step step() const {
    Step step;
    step.number = 1;
    auto& sequence = step.sequences.emplace_back();
    sequence.n_rows = 3;
    sequence.tokens = {1, 2, 3};
    sequence.pages = {7};
    return step;
  }
  void refused(const Step& step, const std::string& text) const {
    BOOST_CHECK_EXCEPTION(model->prepare(step, sequential), std::logic_error,
                          [&](const auto& error) {
                            BOOST_TEST_INFO(error.what());
                            return std::string(error.what()).find(text) != std::string::npos;
                          });
  }
  Answer answer(const SamplingParams& sampling, int n_tokens = 8, int choice = 0) const {
    return serve(*device, *model, {{{5, 6, 7, 8}, n_tokens, sampling, choice}}).front();
  }
};

SamplingParams greedy() {
  SamplingParams params;
  params.temperature = 0;
  return params;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(prepare, Fixture)

BOOST_AUTO_TEST_CASE(a_step_that_breaks_the_rules_is_refused) {
  BOOST_CHECK_NO_THROW(model->prepare(step(), sequential));
  auto bad = step();
  bad.sequences[0].pages = {8};
  refused(bad, "page is 8, expected 0 to 7");
  bad = step();
  bad.sequences[0].pages = {-1};
  refused(bad, "page is -1");
  bad = step();
  bad.sequences[0].pages = {};
  refused(bad, "number of pages is 0");
  bad = step();
  bad.sequences[0].slot = 16;
  refused(bad, "slot is 16, expected 0 to 15");
  bad = step();
  bad.sequences.push_back(bad.sequences[0]);
  refused(bad, "slot 0 occurs twice");
  bad = step();
  bad.sequences[0].tokens = {1, 2};
  refused(bad, "n_rows is 3, expected 2 to 2");
  bad = step();
  bad.sequences[0].tokens = {1, 2, 96};
  refused(bad, "token is 96, expected 0 to 95");
  bad = step();
  bad.sequences[0].position = -1;
  refused(bad, "position is -1");
  bad = step();
  bad.sequences[0].samples = true;
  refused(bad, "samples without parameters");
  bad = step();
  bad.sequences[0].tokens.assign(65, 1);
  bad.sequences[0].n_rows = 65;
  bad.sequences[0].pages = {1, 2, 3};
  refused(bad, "n_rows is 65");
  bad = step();
  bad.sequences[0].n_draft = 3;
  refused(bad, "n_draft is 3, expected 0 to 2");
  bad = step();
  bad.sequences[0].tokens.assign(34, 1);
  bad.sequences[0].n_rows = 34;
  bad.sequences[0].pages = {1, 2};
  bad.sequences[0].samples = true;
  bad.sequences[0].sampling = std::make_shared<SamplingParams>();
  bad.sequences[0].n_draft = 33;
  refused(bad, "number of rows that sample is 34, expected 0 to 32");
  bad = step();
  bad.sequences.clear();
  refused(bad, "rows is 0");
}

BOOST_AUTO_TEST_CASE(results_and_programs_of_another_step_or_stream_are_refused) {
  BOOST_CHECK_THROW(model->result(1), std::logic_error);
  const auto programs = model->prepare(step(), sequential);
  auto other = make_test_device({1, 1});
  auto& wrong = *other->streams()[1];
  BOOST_CHECK_THROW(wrong.run(*programs[0]), std::logic_error);
  BOOST_CHECK_THROW(wrong.run(Program{}), std::logic_error);
  BOOST_CHECK_THROW(model->check(Schedule{}), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_step_that_fails_on_one_stream_ends_on_all) {
  auto two = make_test_device({1, 1});
  auto of_two = load_test_model(*two, llama, WeightFormat::f32, 8, 64);
  const auto schedule = overlapped_schedule(of_two->graph(), {"compute", "memory"}, {});
  for (const std::uint64_t number : {1, 2}) {
    auto next = step();
    next.number = number;
    const auto programs = of_two->prepare(next, schedule);
    if (number == 1) dynamic_cast<const CpuProgram&>(*programs[1]).buffer->failed = true;
    std::jthread follower([&] { two->streams()[1]->run(*programs[1]); });
    if (number == 1)
      BOOST_CHECK_THROW(two->streams()[0]->run(*programs[0]), std::runtime_error);
    else
      BOOST_TEST(two->streams()[0]->run(*programs[0]).size() == 2u);
  }
}

BOOST_AUTO_TEST_CASE(the_same_seed_and_choice_draw_the_same_tokens) {
  SamplingParams params;
  params.temperature = 2;
  params.seed = 42;
  const auto first = answer(params);
  BOOST_TEST((first == answer(params)));
  BOOST_TEST((first.tokens != answer(params, 8, 1).tokens));
  params.seed = 43;
  BOOST_TEST((first.tokens != answer(params).tokens));
}

BOOST_AUTO_TEST_CASE(bias_bans_and_penalties_change_what_is_chosen) {
  const auto plain = answer(greedy());
  auto params = greedy();
  params.logit_bias = {{11, 1000.0F}};
  BOOST_TEST(answer(params).tokens == std::vector<TokenId>(8, 11),
             boost::test_tools::per_element());
  // Until min_tokens are generated the end token cannot be chosen; then it is the likeliest.
  params.end_tokens = {11};
  params.min_tokens = 3;
  const auto ended = answer(params);
  for (int i = 0; i < 8; ++i) BOOST_TEST((ended.tokens[i] == 11) == (i >= 3));
  // No token comes twice.
  params = greedy();
  params.frequency_penalty = 1000;
  auto tokens = answer(params, 40).tokens;
  BOOST_TEST(tokens.front() == plain.tokens.front());
  std::sort(tokens.begin(), tokens.end());
  BOOST_TEST((std::adjacent_find(tokens.begin(), tokens.end()) == tokens.end()));
}

BOOST_AUTO_TEST_CASE(logprobs_are_of_the_raw_logits) {
  auto params = greedy();
  params.logprobs = 3;
  params.temperature = 0.5F;
  const auto found = answer(params, 4);
  for (std::size_t i = 0; i < found.tokens.size(); ++i) {
    double sum = 0;
    for (const float logit : found.logits[i]) sum += std::exp(static_cast<double>(logit));
    const auto expected = [&](TokenId token) { return found.logits[i][token] - std::log(sum); };
    const auto& logprobs = found.logprobs[i].value();
    BOOST_TEST(logprobs.logprob == expected(found.tokens[i]), boost::test_tools::tolerance(1e-4));
    BOOST_REQUIRE_EQUAL(logprobs.top.size(), 3);
    for (const auto& [token, value] : logprobs.top)
      BOOST_TEST(value == expected(token), boost::test_tools::tolerance(1e-4));
  }
  BOOST_TEST(!answer(greedy(), 1).logprobs.front());
}

BOOST_AUTO_TEST_CASE(a_timeline_says_what_was_computed) {
  const auto programs = model->prepare(step(), sequential);
  std::jthread([&] {
    device->streams()[0]->bind();
    const auto timeline = device->streams()[0]->run(*programs[0]).front();
    BOOST_TEST(timeline.step == 1);
    auto shape = step_shape(step());
    shape.weight_bytes = shape.kv_bytes = 4;
    BOOST_TEST(timeline.flops == model->graph().flops(shape), boost::test_tools::tolerance(1e-9));
    const auto needs = step_needs(model->graph(), shape);  // activations stay in caches
    BOOST_TEST(timeline.bytes == needs.weight_bytes + needs.kv_bytes,
               boost::test_tools::tolerance(1e-9));
    std::int64_t sum = 0;
    for (const auto ns : timeline.kind_ns) sum += ns;
    BOOST_TEST(sum > 0);
    BOOST_TEST(sum <= timeline.end_ns - timeline.start_ns);
  }).join();
}

BOOST_AUTO_TEST_CASE(logits_that_no_choice_needs_are_not_kept) {
  LoadOptions options;
  options.weights = WeightFormat::f32;
  options.n_pages = 8;
  options.n_slots = options.max_step_tokens = 16;
  const auto lean =
      std::dynamic_pointer_cast<CpuModel>(device->load(Checkpoint::open(llama), options));
  SamplingParams drawn;
  drawn.seed = 3;
  const std::vector<Request> requests{{{5, 6, 7, 8}, 8, greedy()}, {{5, 6, 7, 8}, 8, drawn}};
  for (const auto& request : requests) {
    const auto expected = serve(*device, *model, {request}).front();
    const auto found = serve(*device, *lean, {request}).front();
    BOOST_TEST(found.tokens == expected.tokens);
    const bool is_greedy = request.sampling.temperature == 0;
    for (std::size_t i = 0; i < found.logits.size(); ++i) {
      const auto& logits = found.logits[i];
      const auto n_zeros = std::count(logits.begin(), logits.end(), 0.0F);
      BOOST_TEST((is_greedy ? n_zeros == std::ssize(logits) : logits == expected.logits[i]));
    }
  }
}

BOOST_AUTO_TEST_CASE(loading_reports_progress_and_ends_where_that_throws) {
  LoadOptions options;
  options.n_pages = options.n_slots = options.max_step_tokens = 4;
  std::uint64_t last = 0, total = 0;
  options.progress = [&](std::uint64_t done, std::uint64_t all) {
    BOOST_TEST(done >= last);
    last = done;
    total = all;
  };
  const auto loaded = device->load(Checkpoint::open(llama), options);
  BOOST_TEST(total > 0U);
  BOOST_TEST(last == total);
  BOOST_TEST(loaded->bytes() > total);
  options.progress = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("enough"); };
  BOOST_CHECK_THROW(device->load(Checkpoint::open(llama), options), std::runtime_error);
  options.n_pages = 0;
  BOOST_CHECK_THROW(device->load(Checkpoint::open(llama), options), std::logic_error);
}

BOOST_AUTO_TEST_CASE(devices_are_made_by_name) {
  BOOST_TEST(make_device({})->name() == "cpu");
  BOOST_TEST(make_device({.kind = "cpu", .threads = 3})->streams()[0]->n_workers() == 3);
  BOOST_TEST(make_device({.kind = "simulated"})->name() == "simulated");
  BOOST_CHECK_THROW(make_device({.kind = "cuda"}), std::runtime_error);
  BOOST_CHECK_THROW(make_device({.kind = "abacus"}), std::runtime_error);
  BOOST_CHECK_THROW(make_device({.kind = "cpu", .threads = -1}), std::runtime_error);
}

BOOST_AUTO_TEST_SUITE_END()
