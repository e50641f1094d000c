// Promise 8 with everything at once: random requests served by the batcher and a KV cache that is
// too small for them, on two streams with another random schedule for every step. Each choice gets
// to the bit what it gets alone on a fresh device. NANOFLOW_TRACES sets how many seeds are run, up
// to 500: one takes as long as a hundred traces on the simulated device.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "tests/engine/batch/serving.hpp"
#include "tests/engine/device/serve.hpp"
#include "tests/engine/plan/random_schedule.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

constexpr int n_vocab = 96;

struct Model {
  std::string name;
  WeightFormat weights;
  KvFormat kv = KvFormat::automatic;

  std::string path() const { return NANOFLOW_TEST_DATA "/logits/" + name; }
};
const std::vector<Model> models{{"llama", WeightFormat::bf16},
                                {"mixtral", WeightFormat::int8},
                                {"gemma3", WeightFormat::bf16, KvFormat::int8},  // windowed
                                {"llama", WeightFormat::int4},
                                {"llama-mha-f32", WeightFormat::f32}};

/// How often what may go wrong has happened.
struct Counts {
  std::uint64_t preemptions = 0, drafted = 0, accepted = 0, pages_read = 0;
  int prefix_hits = 0, split_steps = 0, two_stream_steps = 0;
};

bool launches(const Program& program) {
  return std::any_of(
      program.instructions.begin(), program.instructions.end(),
      [](const Instruction& each) { return each.type == Instruction::Type::launch; });
}

/// Whether an operation is launched more than once in a layer: for one nano-batch after the other.
bool is_split(const std::vector<std::shared_ptr<const Program>>& programs) {
  std::set<std::tuple<int, int, int>> seen;  // block, layer, operation
  for (const auto& program : programs)
    for (const auto& each : program->instructions)
      if (each.type == Instruction::Type::launch &&
          !seen.emplace(each.block, each.layer, each.operation).second)
        return true;
  return false;
}

/// The CPU device with two streams, and for every step a schedule of its own.
class CpuMachine : public Machine {
 public:
  CpuMachine(const Model& model, unsigned seed, Counts& counts)
      : random_(seed),
        counts_(counts),
        from_(model),
        device_(make_test_device({pick(random_, 1, 2), 1})) {}

  void load(const LoadOptions& options) override {
    prepared_.clear();
    auto with = options;
    with.weights = from_.weights;
    with.kv = from_.kv;
    model_ = device_->load(Checkpoint::open(from_.path()), with);
  }

  void prepare(const Step& step) override {
    const auto schedule = random_schedule(random_, model_->graph(), 2);
    model_->check(schedule);
    const auto& programs = prepared_.emplace_back(model_->prepare(step, schedule));
    counts_.split_steps += is_split(programs) ? 1 : 0;
    counts_.two_stream_steps +=
        programs.size() == 2 && launches(*programs[0]) && launches(*programs[1]) ? 1 : 0;
  }

  /// With any duration: how many tokens are guessed depends on it.
  StepResult run() override {
    const auto programs = std::move(prepared_.front());
    prepared_.pop_front();
    run_step(*device_, programs);
    auto result = model_->result(programs.front()->step);
    result.ms = pick(random_, 10, 14);
    return result;
  }
  DeviceModel& model() override { return *model_; }

 private:
  Random random_;
  Counts& counts_;
  Model from_;
  std::unique_ptr<CpuDevice> device_;
  std::shared_ptr<DeviceModel> model_;
  std::deque<std::vector<std::shared_ptr<const Program>>> prepared_;
};

class RandomServing {
 public:
  RandomServing(unsigned seed, Counts& counts)
      : random_(seed),
        counts_(counts),
        model_(models[seed % models.size()]),
        serving_(options(), !one_in(4), std::make_unique<CpuMachine>(model_, seed, counts),
                 one_in(2) ? pick(random_, 2, 20) : 0) {
    for (auto& prompt : prefixes_) prompt = tokens(pick(random_, 20, 90));
  }

  void play() {
    for (int left = pick(random_, 6, 12); left > 0;) {
      if (one_in(3)) {
        admit(request());
        --left;
      }
      happen();
    }
    serving_.drain();
    const auto snapshot = serving_.batcher.snapshot(serving_.now());
    counts_.preemptions += snapshot.preemptions;
    counts_.drafted += snapshot.drafted;
    counts_.accepted += snapshot.accepted;
    counts_.pages_read += serving_.kv_cache.usage().read;
    for (const auto& [id, seen] : serving_.seen) BOOST_TEST_CONTEXT("request " << id) check(seen);
  }

 private:
  bool one_in(int n) { return pick(random_, 1, n) == 1; }

  /// Some come twice at the same moment.
  void admit(BatchRequest request) {
    for (int n = one_in(3) ? 2 : 1; n > 0; --n) {
      request.id = ++last_id_;
      BOOST_REQUIRE(serving_.admit(request) == Refusal::none);
    }
  }

  Batcher::Options options() {
    const int max_sequences = pick(random_, 2, 6);
    return {.context = pick(random_, 110, 200),
            .n_pages = pick(random_, 4, 8),
            .max_sequences = max_sequences,
            .max_step_tokens = max_sequences + pick(random_, 4, 200),
            .max_waiting = 100,
            .speculation = !one_in(4)};
  }

  std::vector<TokenId> tokens(int n) {
    std::vector<TokenId> result(static_cast<std::size_t>(n));
    for (auto& token : result) token = pick(random_, 0, n_vocab - 1);
    return result;
  }

  /// What an earlier request asked and was answered so far; a prefix where there is none.
  std::vector<TokenId> conversation() {
    const auto found = serving_.seen.find(static_cast<RequestId>(pick(random_, 1, 8)));
    if (found == serving_.seen.end()) return prefixes_[0];
    auto result = *found->second.request.prompt;
    const auto& answer = found->second.tokens[0];
    result.insert(result.end(), answer.begin(), answer.end());
    return result;
  }

  /// A part of what others begin with, too, then something of its own, which may repeat itself.
  std::vector<TokenId> prompt() {
    auto result =
        one_in(3) ? conversation() : prefixes_[static_cast<std::size_t>(pick(random_, 0, 2))];
    if (one_in(2))
      result.resize(static_cast<std::size_t>(pick(random_, 0, static_cast<int>(result.size()))));
    const auto own = tokens(pick(random_, 1, 12));
    for (int times = one_in(2) ? 1 : pick(random_, 2, 3); times > 0; --times)
      result.insert(result.end(), own.begin(), own.end());
    const auto most = static_cast<std::size_t>(serving_.batcher.context() - 1);
    result.resize(std::min(result.size(), most));
    return result;
  }

  SamplingParams sampling() {
    SamplingParams params;
    params.temperature = one_in(2) ? 0.0F : 0.8F;
    params.seed = static_cast<std::uint64_t>(pick(random_, 0, 5));
    params.logprobs = pick(random_, -1, 3);
    if (one_in(4)) params.repetition_penalty = 1.2F;
    if (one_in(4)) params.frequency_penalty = 0.6F;
    if (one_in(4)) params.presence_penalty = 0.5F;
    if (one_in(4)) params.top_k = 8;
    if (one_in(4)) params.top_p = 0.8F;
    if (one_in(4)) params.min_p = 0.05F;
    if (one_in(4)) {
      params.min_tokens = pick(random_, 1, 10);
      params.end_tokens = tokens(5);
    }
    if (one_in(2))  // answers that repeat themselves: guesses are right and wrong
      for (int i = pick(random_, 1, 3); i > 0; --i)
        params.logit_bias.emplace_back(pick(random_, 0, n_vocab - 1),
                                       static_cast<float>(pick(random_, 2, 6)));
    return params;
  }

  BatchRequest request() {
    const auto params = sampling();
    auto stop_tokens = params.end_tokens;
    if (one_in(4)) stop_tokens.push_back(pick(random_, 0, n_vocab - 1));
    return {.prompt = std::make_shared<const std::vector<TokenId>>(prompt()),
            .n = one_in(4) ? pick(random_, 2, 3) : 1,
            .max_tokens = pick(random_, 1, 40),
            .sampling = std::make_shared<const SamplingParams>(params),
            .stop_tokens = stop_tokens,
            .priority = one_in(3) ? pick(random_, -1, 1) : 0,
            .client = static_cast<std::uint64_t>(pick(random_, 1, 3)),
            .salt = one_in(8) ? "other" : "",
            .deadline = {},
            .max_tpot = {}};
  }

  void happen() {
    switch (pick(random_, 0, 8)) {
      case 0:
        serving_.propose();
        break;
      case 1:
        serving_.form();
        break;
      case 2:
        serving_.run();
        break;
      case 3:
        stop_some();
        break;
      default:
        serving_.turn();
    }
  }

  /// As where a stop string is found, a few tokens late.
  void stop_some() {
    const auto found = serving_.seen.find(static_cast<RequestId>(pick(random_, 1, 60)));
    if (found == serving_.seen.end()) return;
    const int n = static_cast<int>(found->second.tokens[0].size());
    if (n > 0 && !found->second.kept[0])
      serving_.stop(found->first, 0, pick(random_, std::max(0, n - 3), n));
  }

  void check(const Seen& seen) {
    const auto& request = seen.request;
    BOOST_REQUIRE(seen.finished);
    counts_.prefix_hits += seen.finished->cached_tokens > 0 ? 1 : 0;
    const int n_prompt = static_cast<int>(request.prompt->size());
    for (int choice = 0; choice < request.n; ++choice) {
      const Request same{*request.prompt,
                         std::min(request.max_tokens, serving_.batcher.context() - n_prompt),
                         *request.sampling, choice};
      const auto alone = serve_alone(model_.path(), model_.weights, model_.kv, {same}).front();
      const auto i = static_cast<std::size_t>(choice);
      BOOST_TEST_CONTEXT("choice " << choice)
      check_choice(seen.tokens[i], seen.logprobs[i], seen.kept[i].has_value(), alone,
                   request.stop_tokens);
    }
  }

  /// stopped: a stop string ended it, at any token.
  static void check_choice(const std::vector<TokenId>& tokens,
                           const std::vector<std::optional<TokenLogprobs>>& logprobs, bool stopped,
                           const Answer& alone, const std::vector<TokenId>& stop_tokens) {
    const auto end = std::find_first_of(alone.tokens.begin(), alone.tokens.end(),
                                        stop_tokens.begin(), stop_tokens.end());
    const auto n_alone = end - alone.tokens.begin() + (end == alone.tokens.end() ? 0 : 1);
    if (stopped)
      BOOST_REQUIRE(std::ssize(tokens) <= n_alone);
    else
      BOOST_REQUIRE_EQUAL(std::ssize(tokens), n_alone);
    for (std::size_t i = 0; i < tokens.size(); ++i) BOOST_TEST_CONTEXT("token " << i) {
        BOOST_REQUIRE_EQUAL(tokens[i], alone.tokens[i]);
        BOOST_REQUIRE_EQUAL(logprobs[i].has_value(), alone.logprobs[i].has_value());
        if (!logprobs[i]) continue;
        BOOST_REQUIRE_EQUAL(logprobs[i]->logprob, alone.logprobs[i]->logprob);
        BOOST_REQUIRE(logprobs[i]->top == alone.logprobs[i]->top);
      }
  }

  Random random_;
  Counts& counts_;
  const Model& model_;
  Serving serving_;
  std::array<std::vector<TokenId>, 3> prefixes_;
  RequestId last_id_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(random_serving)

BOOST_AUTO_TEST_CASE(whatever_is_served_beside_it_a_choice_gets_the_bits_that_it_gets_alone) {
  const char* setting = std::getenv("NANOFLOW_TRACES");
  const int n_seeds = setting ? std::min(std::atoi(setting), 500) : 10;
  Counts counts;
  for (int seed = 0; seed < n_seeds; ++seed) {
    const auto& name = models[static_cast<std::size_t>(seed) % models.size()].name;
    BOOST_TEST_CONTEXT("seed " << seed << ", " << name) {
      RandomServing(static_cast<unsigned>(seed), counts).play();
    }
  }
  BOOST_TEST(counts.preemptions > 0);
  BOOST_TEST(counts.prefix_hits > 0);
  BOOST_TEST(counts.accepted > 0);
  BOOST_TEST(counts.drafted > counts.accepted);
  BOOST_TEST(counts.pages_read > 0);
  BOOST_TEST(counts.split_steps > 0);
  BOOST_TEST(counts.two_stream_steps > 0);
  BOOST_TEST_MESSAGE(n_seeds << " seeds: " << counts.preemptions << " preemptions, "
                             << counts.prefix_hits << " prefix hits, " << counts.drafted
                             << " tokens guessed, " << counts.accepted << " of them right, "
                             << counts.pages_read << " spilled pages read, " << counts.split_steps
                             << " split steps, " << counts.two_stream_steps << " on two streams");
}

BOOST_AUTO_TEST_SUITE_END()
