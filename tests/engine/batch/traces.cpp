// Seeded traces of arrivals, cancels, stops, deadlines and device failures, against the batcher,
// the KV cache and the simulated device. Whatever happens, every choice gets the tokens that it
// would get alone. NANOFLOW_TRACES sets how many traces are run.
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <random>

#include "tests/engine/batch/serving.hpp"

namespace nanoflow::test {
namespace {

class Trace {
 public:
  explicit Trace(unsigned seed)
      : random_(seed),
        serving_(options(), one_in(2) || one_in(2), simulated_machine(),
                 one_in(2) ? uniform(1, 60) : 0) {
    for (auto& prompt : prefixes_) prompt = tokens(uniform(1, serving_.batcher.context()));
    failures_ = one_in(3);
  }

  void play() {
    const int n_events = uniform(20, 200);
    for (int i = 0; i < n_events; ++i) happen();
    serving_.drain();
    for (int i = 0; i < 100; ++i) serving_.copy();
    const auto usage = serving_.kv_cache.usage();
    BOOST_REQUIRE_EQUAL(usage.free, usage.total);
    BOOST_REQUIRE_EQUAL(serving_.batcher.snapshot(serving_.now()).requests.size(), 0);
    for (const auto& [id, seen] : serving_.seen) check(seen);
  }
  std::uint64_t pages_read() const { return serving_.kv_cache.usage().read; }
  BatchSnapshot snapshot() const { return serving_.batcher.snapshot(serving_.now()); }

 private:
  int uniform(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }
  bool one_in(int n) { return uniform(1, n) == 1; }

  Batcher::Options options() {
    const int max_sequences = uniform(1, 8);
    return {.context = uniform(33, 400),
            .n_pages = one_in(4) ? uniform(20, 200) : uniform(2, 16),
            .max_sequences = max_sequences,
            .max_step_tokens = max_sequences + (one_in(2) ? uniform(1, 8) : uniform(1, 200)),
            .max_waiting = uniform(1, 20),
            .speculation = one_in(2)};
  }

  std::vector<TokenId> tokens(int n) {
    std::vector<TokenId> result(static_cast<std::size_t>(n));
    for (auto& token : result) token = uniform(0, vocab_size - 1);
    return result;
  }

  std::shared_ptr<const SamplingParams> sampling() {
    SamplingParams params;
    params.temperature = one_in(2) ? 0.0F : 1.0F;
    params.seed = static_cast<std::uint64_t>(uniform(0, 5));
    if (one_in(4)) params.repetition_penalty = 1.5F;
    if (one_in(4)) {
      params.min_tokens = uniform(0, 10);
      params.end_tokens = {1, 2, 3};
    }
    if (one_in(2))  // answers that repeat themselves: guesses are right and wrong
      for (int i = uniform(1, 3); i > 0; --i)
        params.logit_bias.emplace_back(uniform(1, 8), static_cast<float>(uniform(30, 97)));
    return std::make_shared<const SamplingParams>(params);
  }

  /// What an earlier request asked and was answered so far.
  std::vector<TokenId> conversation() {
    const auto found = serving_.seen.find(any_request());
    if (found == serving_.seen.end()) return prefixes_[0];
    auto prompt = *found->second.request.prompt;
    const auto& answer = found->second.tokens[0];
    prompt.insert(prompt.end(), answer.begin(), answer.end());
    return prompt;
  }

  BatchRequest request() {
    auto prompt = one_in(3) ? conversation() : prefixes_[static_cast<std::size_t>(uniform(0, 3))];
    if (!one_in(3))
      prompt.resize(static_cast<std::size_t>(uniform(1, static_cast<int>(prompt.size()))));
    const auto own = tokens(one_in(3) ? 0 : uniform(0, 40));
    prompt.insert(prompt.end(), own.begin(), own.end());
    BatchRequest result{.id = ++last_id_,
                        .prompt = std::make_shared<const std::vector<TokenId>>(prompt),
                        .n = one_in(4) ? uniform(2, 4) : 1,
                        .max_tokens = one_in(4) ? uniform(1, 200) : uniform(1, 30),
                        .sampling = sampling(),
                        .stop_tokens = {},
                        .priority = one_in(3) ? uniform(-1, 1) : 0,
                        .client = static_cast<std::uint64_t>(uniform(1, 3)),
                        .salt = one_in(4) ? "other" : "",
                        .deadline = {},
                        .max_tpot = {}};
    if (one_in(6)) result.max_tpot = std::chrono::milliseconds(uniform(1, 20));
    if (one_in(2)) result.stop_tokens = {1, 2, 3};
    if (one_in(8)) result.deadline = at_ms(serving_.ms + uniform(0, 60));
    return result;
  }

  RequestId any_request() {
    return static_cast<RequestId>(uniform(1, static_cast<int>(last_id_ + 1)));
  }

  /// A stop string that is found some tokens late.
  void stop() {
    const auto found = serving_.seen.find(any_request());
    if (found == serving_.seen.end() || found->second.finished) return;
    const int choice = uniform(0, found->second.request.n - 1);
    const auto& kept = found->second.kept[static_cast<std::size_t>(choice)];
    const int n = static_cast<int>(found->second.tokens[static_cast<std::size_t>(choice)].size());
    const int most = kept ? *kept : n;
    serving_.stop(found->first, choice, uniform(std::max(0, most - 9), most));
  }

  void happen() {
    switch (uniform(0, 12)) {
      case 0:
      case 1:
        serving_.admit(request());
        break;
      case 2:
        if (one_in(3)) serving_.cancel(any_request());
        break;
      case 3:
        if (one_in(3)) stop();
        break;
      case 4:
        serving_.expire();
        break;
      case 5:
        if (failures_ && one_in(4)) serving_.recover();
        break;
      case 6:
        serving_.propose();
        break;
      case 7:
        serving_.form();
        break;
      case 8:
        serving_.run();
        break;
      case 9:
        serving_.copy();
        break;
      default:
        serving_.turn();
    }
    serving_.ms += one_in(2) ? 1 : 0;
  }

  void check(const Seen& seen) {
    BOOST_REQUIRE(seen.finished);
    const auto& finished = *seen.finished;
    const auto& request = seen.request;
    BOOST_REQUIRE_EQUAL(finished.choices.size(), request.n);
    int completion_tokens = 0;
    for (int choice = 0; choice < request.n; ++choice) {
      check_choice(seen, choice);
      completion_tokens += finished.choices[static_cast<std::size_t>(choice)].completion_tokens;
    }
    BOOST_REQUIRE_EQUAL(finished.completion_tokens, completion_tokens);
    BOOST_REQUIRE_EQUAL(finished.prompt_tokens, request.prompt->size());
    BOOST_REQUIRE_EQUAL(finished.cached_tokens % page_size, 0);
    BOOST_REQUIRE(finished.cached_tokens < finished.prompt_tokens);
    BOOST_REQUIRE(finished.cached_tokens <= longest_shared(request));
  }

  void check_choice(const Seen& seen, int number) {
    const auto choice = static_cast<std::size_t>(number);
    const auto& tokens = seen.tokens[choice];
    const auto& outcome = seen.finished->choices[choice];
    const auto alone = answer_alone(seen.request, number, serving_.batcher.context());
    BOOST_REQUIRE(tokens.size() <= alone.size());
    BOOST_REQUIRE_EQUAL_COLLECTIONS(tokens.begin(), tokens.end(), alone.begin(),
                                    alone.begin() + std::ssize(tokens));
    if (seen.by_itself[choice]) BOOST_REQUIRE_EQUAL(tokens.size(), alone.size());
    BOOST_REQUIRE(outcome.reason);
    if (seen.kept[choice]) {
      BOOST_REQUIRE(outcome.reason == FinishReason::stop);
      BOOST_REQUIRE_EQUAL(outcome.completion_tokens, *seen.kept[choice]);
    } else {
      BOOST_REQUIRE_EQUAL(outcome.completion_tokens, tokens.size());
      const bool by_itself =
          outcome.reason == FinishReason::stop || outcome.reason == FinishReason::length;
      BOOST_REQUIRE_EQUAL(by_itself, seen.by_itself[choice].has_value());
      if (by_itself) BOOST_REQUIRE(*outcome.reason == *seen.by_itself[choice]);
    }
  }

  /// Tokens of the prompt that some sequence of the same salt begins with. The last token of an
  /// answer has a row at most by mistake, and that one is not for the prefix tree.
  int longest_shared(const BatchRequest& request) {
    if (!serving_.prefix_cache) return 0;
    std::ptrdiff_t longest = 0;
    for (const auto& [id, other] : serving_.seen) {
      if (other.request.salt != request.salt || (id == request.id && request.n == 1)) continue;
      for (const auto& answer : other.tokens) {
        auto known = *other.request.prompt;
        if (!answer.empty()) known.insert(known.end(), answer.begin(), answer.end() - 1);
        const auto& prompt = *request.prompt;
        const auto differ = std::mismatch(prompt.begin(), prompt.end(), known.begin(), known.end());
        longest = std::max(longest, differ.first - prompt.begin());
      }
    }
    return static_cast<int>(longest);
  }

  std::mt19937 random_;
  Serving serving_;
  std::array<std::vector<TokenId>, 4> prefixes_;
  bool failures_ = false;
  RequestId last_id_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(traces)

BOOST_AUTO_TEST_CASE(whatever_happens_every_choice_gets_the_tokens_that_it_would_get_alone) {
  const char* setting = std::getenv("NANOFLOW_TRACES");
  const int n_traces = setting ? std::atoi(setting) : 2000;
  std::uint64_t drafted = 0, accepted = 0, preemptions = 0, pages_read = 0;
  for (int seed = 0; seed < n_traces; ++seed) {
    BOOST_TEST_CONTEXT("trace " << seed) {
      Trace trace(static_cast<unsigned>(seed));
      trace.play();
      const auto snapshot = trace.snapshot();
      drafted += snapshot.drafted;
      accepted += snapshot.accepted;
      preemptions += snapshot.preemptions;
      pages_read += trace.pages_read();
    }
  }
  BOOST_TEST(accepted > 0);
  BOOST_TEST(drafted > accepted);
  BOOST_TEST(preemptions > 0);
  BOOST_TEST(pages_read > 0);
  BOOST_TEST_MESSAGE(n_traces << " traces, " << drafted << " tokens guessed, " << accepted
                              << " of them right, " << pages_read << " spilled pages read");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
