// A conversation that returns after its pages were evicted, through the actors; and a spill file
// that fails.
#include <numeric>

#include "actors/log.hpp"
#include "tests/actors/one_model.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

BOOST_AUTO_TEST_SUITE(spilling)

namespace {

constexpr int n_prompt = 200;  // six full pages

BatchRequest request(RequestId id, int conversation) {
  std::vector<TokenId> prompt(n_prompt);
  for (int i = 0; i < n_prompt; ++i)
    prompt[static_cast<std::size_t>(i)] = (conversation * 31 + i * (conversation + 1)) % vocab_size;
  BatchRequest result;
  result.id = id;
  result.prompt = std::make_shared<const std::vector<TokenId>>(std::move(prompt));
  result.max_tokens = 10;
  SamplingParams sampling;
  sampling.seed = 5;
  result.sampling = std::make_shared<const SamplingParams>(sampling);
  return result;
}

ModelOptions small(int n_spilled) {
  ModelOptions options;
  options.batcher.n_pages = 16;  // two conversations
  options.n_spilled = n_spilled;
  return options;
}

/// Asks one conversation after the other; each answer must be what it would be alone. The cached
/// tokens of the last one.
int ask(World& world, OneModel& model, const std::vector<int>& conversations) {
  int cached = -1;
  for (const int conversation : conversations) {
    const auto id = static_cast<RequestId>(model.recorded->answers.size() + 1);
    const auto asked = request(id, conversation);
    model.admit(asked);
    while (world.run() > 0 || world.has_timer()) world.advance(std::chrono::seconds(1));
    const auto& answer = model.recorded->answers.at(id);
    BOOST_TEST(answer.tokens.at(0) == answer_alone(asked, 0, 256),
               boost::test_tools::per_element());
    BOOST_REQUIRE(answer.ends.size() == 1u);
    cached = answer.ends[0].cached_tokens;
  }
  return cached;
}

/// Answers so many writes and reads as if they had worked, then with an error.
CopyActor failing_copy(caf::actor_system& system, int n_writes, int n_reads) {
  return system.spawn([=](CopyActor::pointer) -> CopyActor::behavior_type {
    auto file = std::make_shared<std::map<int, std::vector<std::byte>>>();
    auto writes = std::make_shared<int>(n_writes), reads = std::make_shared<int>(n_reads);
    return {[=](const CopyJobPtr& job) -> CopyOutcomePtr {
      if (--(job->out ? *writes : *reads) < 0)
        return std::make_shared<const CopyOutcome>(CopyOutcome{1, "No space left on device"});
      if (job->out)
        (*file)[job->slot] = *job->bytes;
      else
        *job->bytes = file->at(job->slot);
      return std::make_shared<const CopyOutcome>(CopyOutcome{1, ""});
    }};
  });
}

/// What the log says at warning or worse.
struct Warnings {
  std::vector<std::string> lines;
  Warnings() {
    set_log_sink([this](LogLevel level, std::string_view line) {
      if (level <= LogLevel::warning) lines.emplace_back(line);
    });
  }
  ~Warnings() { set_log_sink({}); }
};

void check_that_it_goes_on_without(const ModelOptions& options, const std::string& why) {
  Warnings warnings;
  World world(3);
  {
    OneModel model(world, options);
    BOOST_TEST(ask(world, model, {1, 2, 3, 4, 1, 2, 3, 4, 1}) == 0);
    const auto usage = model.usage();
    BOOST_TEST(usage.spill_total == 0);
    BOOST_TEST(usage.free == usage.total);
  }
  BOOST_REQUIRE(warnings.lines.size() == 1u);
  BOOST_TEST(warnings.lines[0].find(why) != std::string::npos, warnings.lines[0]);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_conversation_that_returns_is_read_and_goes_on_as_it_would_have) {
  Warnings quiet;
  for (unsigned seed = 0; seed < 20; ++seed) BOOST_TEST_CONTEXT("seed " << seed) {
      World world(seed);
      OneModel model(world, small(100));
      BOOST_TEST(ask(world, model, {1, 2, 3, 4, 1}) == n_prompt / page_size * page_size);
      BOOST_TEST(model.usage().read >= 4u);
    }
  World world(1);
  OneModel without(world, small(0));
  BOOST_TEST(ask(world, without, {1, 2, 3, 4, 1}) == 0);
}

BOOST_AUTO_TEST_CASE(a_full_disk_ends_spilling_and_nothing_else) {
  auto options = small(100);
  options.copy = [](caf::actor_system& system) { return failing_copy(system, 9, 1000); };
  check_that_it_goes_on_without(options, "writing: No space left on device");
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_ends_spilling_and_nothing_else) {
  auto options = small(100);
  options.copy = [](caf::actor_system& system) { return failing_copy(system, 1000, 0); };
  check_that_it_goes_on_without(options, "reading: No space left on device");
}

BOOST_AUTO_TEST_CASE(a_folder_that_is_not_there_ends_spilling_and_nothing_else) {
  auto options = small(100);
  options.copy = [](caf::actor_system& system) {
    return spawn_copy(
        system,
        {.model = "test", .file = {.folder = "/proc/nowhere", .page_bytes = 4096, .n_slots = 100}});
  };
  check_that_it_goes_on_without(options, "/proc/nowhere");
}

BOOST_AUTO_TEST_SUITE_END()
