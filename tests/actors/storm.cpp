// Random requests, cancels, stops, deadlines and device failures, in a random order of messages:
// whatever happens to one request, the others' answers are what they would be alone.
#include <set>

#include "actors/log.hpp"
#include "tests/actors/one_model.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

BOOST_AUTO_TEST_SUITE(storm)

namespace {

class Storm {
 public:
  Storm(unsigned seed, bool with_failures)
      : world_(seed), options_(make_options(with_failures)), model_(world_, options_) {}

  void run() {
    for (int turn = 0; turn < 60; ++turn) {
      something();
      world_.run(static_cast<std::size_t>(world_.below(30)));
    }
    while (world_.run() > 0 || world_.has_timer()) world_.advance(std::chrono::seconds(1));
    check();
  }
  std::uint64_t recoveries = 0, accepted = 0, pages_read = 0;

 private:
  ModelOptions make_options(bool with_failures) {
    ModelOptions options;
    options.batcher = {.context = 32 * (2 + world_.below(5)),
                       .n_pages = 8 + world_.below(24),
                       .max_sequences = 1 + world_.below(6),
                       .max_step_tokens = 8 + world_.below(56),
                       .max_waiting = 2 + world_.below(12),
                       .speculation = world_.chance(60)};
    options.prefix_cache = world_.chance(70);
    options.n_spilled = world_.chance(50) ? 1 + world_.below(60) : 0;
    if (with_failures) {  // far enough apart for the longest sequence to be recomputed in between
      options.batcher.max_step_tokens += 16;
      options.fail_every = static_cast<std::uint64_t>(20 + world_.below(60));
    }
    return options;
  }

  void something() {
    if (world_.chance(50)) {
      model_.admit(request());
    } else if (world_.chance(15) && next_id_ > 1) {
      const auto id = any_id();
      caf::anon_send(model_.scheduler, cancel_atom_v, id, FinishReason::cancelled);
      disturbed_.insert(id);
    } else if (world_.chance(15) && next_id_ > 1) {
      stop(any_id());
    } else if (world_.chance(30)) {
      world_.advance(std::chrono::milliseconds(world_.below(400)));
    }
  }

  RequestId any_id() { return 1 + world_.random() % (next_id_ - 1); }

  BatchRequest request() {
    BatchRequest request;
    request.id = next_id_++;
    std::vector<TokenId> prompt;
    const int shared = world_.below(4);  // several requests begin alike
    for (int i = 0, n = 1 + world_.below(100); i < n; ++i)
      prompt.push_back(i < 64 ? (i * 7 + shared) % vocab_size : world_.below(vocab_size));
    request.prompt = std::make_shared<const std::vector<TokenId>>(std::move(prompt));
    request.n = world_.chance(20) ? 1 + world_.below(3) : 1;
    request.max_tokens = 1 + world_.below(40);
    request.priority = world_.below(3);
    if (world_.chance(30)) request.stop_tokens = {world_.below(vocab_size)};
    SamplingParams sampling;
    sampling.temperature = world_.chance(50) ? 0.0F : 1.0F;
    sampling.frequency_penalty = world_.chance(20) ? 0.5F : 0.0F;
    sampling.seed = world_.random();
    if (world_.chance(50))  // an answer that repeats itself
      sampling.logit_bias = {{world_.below(vocab_size), 85.0F}};
    request.sampling = std::make_shared<const SamplingParams>(sampling);
    if (world_.chance(15)) {
      request.deadline = world_.now() + std::chrono::milliseconds(world_.below(1500));
      disturbed_.insert(request.id);
    }
    requests_[request.id] = request;
    return request;
  }

  /// As a tokenizer does it: among what the choice has said so far.
  void stop(RequestId id) {
    const auto found = model_.recorded->answers.find(id);
    if (found == model_.recorded->answers.end() || !found->second.ends.empty()) return;
    const int choice = world_.below(requests_.at(id).n);
    const auto n = std::ssize(found->second.tokens[static_cast<std::size_t>(choice)]);
    if (n == 0) return;
    const auto keep = std::max<std::ptrdiff_t>(0, n - 1 - world_.below(3));
    caf::anon_send(model_.scheduler, stop_atom_v, id, choice, static_cast<int>(keep));
    disturbed_.insert(id);
  }

  void check() {
    const auto& recorded = *model_.recorded;
    BOOST_TEST(recorded.answers.size() + recorded.refused.size() == requests_.size());
    for (const auto& [id, answer] : recorded.answers) {
      BOOST_TEST_CONTEXT("request " << id) {
        BOOST_TEST(answer.ends.size() == 1u);
        for (int choice = 0; choice < requests_.at(id).n; ++choice)
          check_tokens(id, choice, answer.tokens[static_cast<std::size_t>(choice)]);
      }
    }
    const auto snapshot = model_.snapshot();
    BOOST_TEST(snapshot.waiting + snapshot.running == 0);
    BOOST_TEST(recorded.tokens_in_message.size() <= snapshot.steps);
    const auto usage = model_.usage();
    BOOST_TEST(usage.free == usage.total);
    pages_read = usage.read;
    recoveries = snapshot.recoveries;
    accepted = snapshot.accepted;
  }

  void check_tokens(RequestId id, int choice, std::vector<TokenId> tokens) {
    auto expected = answer_alone(requests_.at(id), choice, options_.batcher.context);
    if (disturbed_.contains(id)) {
      BOOST_TEST(tokens.size() <= expected.size());
      expected.resize(std::min(expected.size(), tokens.size()));
    }
    BOOST_TEST(tokens == expected, boost::test_tools::per_element());
  }

  World world_;
  ModelOptions options_;
  OneModel model_;
  RequestId next_id_ = 1;
  std::map<RequestId, BatchRequest> requests_;
  std::set<RequestId> disturbed_;  // may have ended early
};

}  // namespace

BOOST_AUTO_TEST_CASE(answers_are_those_of_an_undisturbed_run) {
  set_log_sink([](LogLevel, std::string_view) {});
  std::uint64_t accepted = 0, pages_read = 0;
  for (unsigned seed = 0; seed < 150; ++seed) BOOST_TEST_CONTEXT("seed " << seed) {
      Storm storm(seed, false);
      storm.run();
      accepted += storm.accepted;
      pages_read += storm.pages_read;
    }
  set_log_sink({});
  BOOST_TEST(pages_read > 0u);
  BOOST_TEST(accepted > 150u);
}

BOOST_AUTO_TEST_CASE(a_failing_device_changes_no_answer_and_ends_none) {
  set_log_sink([](LogLevel, std::string_view) {});  // each failure is logged
  std::uint64_t recoveries = 0;
  for (unsigned seed = 1000; seed < 1150; ++seed) BOOST_TEST_CONTEXT("seed " << seed) {
      Storm storm(seed, true);
      storm.run();
      recoveries += storm.recoveries;
    }
  set_log_sink({});
  BOOST_TEST(recoveries > 150u);
}

BOOST_AUTO_TEST_SUITE_END()
