// The CPU device with two streams, of which one fails in the middle of a step: the catalog starts
// both anew, and clients get the tokens that they would have got.
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "actors/catalog.hpp"
#include "actors/log.hpp"
#include "engine/device/cpu_device.hpp"
#include "engine/device/cpu_model.hpp"
#include "engine/device/limits.hpp"
#include "tests/actors/no_text.hpp"

using namespace nanoflow;
namespace fs = std::filesystem;

BOOST_AUTO_TEST_SUITE(restart_streams)

namespace {

constexpr int n_vocab = 96;

/// Fails in a step as where its first task throws.
struct FailingStream : DeviceStream {
  explicit FailingStream(DeviceStream& inner) : inner(inner) {}
  const std::string& name() const override { return inner.name(); }
  int n_workers() const override { return inner.n_workers(); }
  void bind() override {
    ++n_bound;
    inner.bind();
  }
  std::vector<ProgramTimeline> run(const Program& program) override {
    // Step 1 may be a probe, which nobody waits for.
    std::this_thread::sleep_for(pause);
    const bool fails = program.step > 1 && steps_until_failure.fetch_sub(1) == 1;
    if (fails) dynamic_cast<const CpuProgram&>(program).buffer->failed = true;
    auto timelines = inner.run(program);  // the leader throws by itself
    if (fails) throw std::runtime_error("no power");
    return timelines;
  }

  DeviceStream& inner;
  std::atomic<int> n_bound = 0;
  std::atomic<int> steps_until_failure = 0;  // 0 or less: it never fails
  std::chrono::milliseconds pause{0};        // before each program
};

/// The processors with two streams, which fail when they are told to.
struct FailingDevice : Device {
  FailingDevice() {
    for (const auto& stream : cpu.streams())
      wrapped.push_back(std::make_unique<FailingStream>(*stream));
  }
  static CpuDevice two_streams() {
    const auto cpus = available_cpus();
    return CpuDevice({{"compute", {cpus.front(), cpus.back()}}, {"memory", {cpus.back()}}});
  }
  FailingStream& stream(std::size_t i) { return dynamic_cast<FailingStream&>(*wrapped[i]); }

  const std::string& name() const override { return cpu.name(); }
  const std::string& description() const override { return cpu.description(); }
  std::span<const std::unique_ptr<DeviceStream>> streams() override { return wrapped; }
  std::uint64_t page_bytes(const ModelConfig& config, WeightFormat weights,
                           KvFormat kv) const override {
    return cpu.page_bytes(config, weights, kv);
  }
  std::uint64_t weight_bytes(const Checkpoint& checkpoint, WeightFormat weights) const override {
    return cpu.weight_bytes(checkpoint, weights);
  }
  std::shared_ptr<DeviceModel> load(std::shared_ptr<const Checkpoint> checkpoint,
                                    const LoadOptions& options) override {
    return cpu.load(std::move(checkpoint), options);
  }

  CpuDevice cpu = two_streams();
  std::vector<std::unique_ptr<DeviceStream>> wrapped;
};

/// What a client was told, on the listener's thread.
struct Told {
  std::mutex lock;
  std::condition_variable ended;
  std::map<RequestId, std::vector<TokenId>> tokens;
  std::map<RequestId, FinishReason> ends;
};

SchedulerListenerActor spawn_listener(caf::actor_system& system, Told& told) {
  return system.spawn([&told]() -> SchedulerListenerActor::behavior_type {
    return {[&told](const SchedulerEventsPtr& events) {
      const std::lock_guard lock(told.lock);
      for (const auto& token : events->step.tokens)
        told.tokens[token.request].push_back(token.token);
      for (const auto& end : events->step.finished) told.ends[end.request] = end.reason;
      told.ended.notify_all();
    }};
  });
}

BatchRequestPtr request(RequestId id, int number) {
  BatchRequest request;
  request.id = id;
  std::vector<TokenId> prompt(static_cast<std::size_t>(20 + 9 * number));
  for (std::size_t i = 0; i < prompt.size(); ++i)
    prompt[i] = static_cast<TokenId>((i * i + 7 * static_cast<std::size_t>(number)) % n_vocab);
  request.prompt = std::make_shared<const std::vector<TokenId>>(std::move(prompt));
  request.max_tokens = 60;
  SamplingParams params;
  params.seed = static_cast<std::uint64_t>(number);
  params.frequency_penalty = 0.3F;
  request.sampling = std::make_shared<const SamplingParams>(params);
  return std::make_shared<const BatchRequest>(request);
}

class Fixture {
 public:
  Fixture() {
    set_log_sink([](LogLevel, std::string_view) {});
    fs::create_directories(dir_);
    std::ofstream(dir_ / "a.gguf") << "x";
    CatalogConfig config;
    config.device = device;
    config.model_dir = dir_;
    config.open = [](const fs::path&) -> ModelFiles {
      return {Checkpoint::open(NANOFLOW_TEST_DATA "/logits/llama"),
              std::make_shared<test::NoText>(n_vocab), nullptr};
    };
    config.available_memory = [] { return std::uint64_t(64) << 20; };
    config.max_sequences = 8;
    config.max_step_tokens = 64;
    catalog_ = spawn_catalog(system_, config);
    wire::Load load;
    load.name = "a";
    caf::scoped_actor self(system_);
    const LoadJobPtr job = std::make_shared<const LoadJob>(LoadJob{load, 0});
    self->request(catalog_, caf::infinite, job, LoadProgressActor())
        .receive([&](const LoadOutcomePtr& outcome) { model_ = outcome->model; },
                 [](const caf::error&) {});
    BOOST_REQUIRE(model_);
    listener_ = spawn_listener(system_, told_);
  }
  ~Fixture() {
    model_.reset();
    caf::scoped_actor self(system_);
    for (const auto& actor :
         {caf::actor_cast<caf::actor>(listener_), caf::actor_cast<caf::actor>(catalog_)}) {
      self->send_exit(actor, caf::exit_reason::user_shutdown);
      self->wait_for(actor);
    }
    set_log_sink({});
    fs::remove_all(dir_);
  }

  /// Some requests at once.
  void begin() {
    caf::scoped_actor self(system_);
    for (int i = 0; i < n_requests; ++i)
      self->request(model_->scheduler, caf::infinite, request(++last_id_, i), listener_)
          .receive(
              [](const AdmissionPtr& admission) {
                BOOST_TEST((admission->refusal == Refusal::none));
              },
              [](const caf::error&) { BOOST_ERROR("not admitted"); });
  }

  /// Their tokens when they have ended well.
  std::vector<std::vector<TokenId>> serve() {
    const RequestId first = last_id_ + 1;
    begin();
    std::unique_lock lock(told_.lock);
    BOOST_REQUIRE(told_.ended.wait_for(lock, std::chrono::minutes(5),
                                       [&] { return told_.ends.size() == last_id_; }));
    lock.unlock();
    caf::scoped_actor self(system_);
    self->request(model_->executor, caf::infinite, ping_atom_v)  // both streams are there
        .receive([](pong_atom) {}, [](const caf::error&) { BOOST_ERROR("no pong"); });
    std::vector<std::vector<TokenId>> answers;
    for (RequestId id = first; id <= last_id_; ++id) {
      BOOST_TEST((told_.ends.at(id) == FinishReason::length));
      answers.push_back(told_.tokens.at(id));
    }
    return answers;
  }

  static constexpr int n_requests = 6;
  std::shared_ptr<FailingDevice> device = std::make_shared<FailingDevice>();

 private:
  fs::path dir_ = fs::absolute("restart_streams_test");
  Told told_;  // outlives the listener
  caf::actor_system_config config_;
  caf::actor_system system_{config_};
  CatalogActor catalog_;
  std::shared_ptr<const LoadedModel> model_;
  SchedulerListenerActor listener_;
  RequestId last_id_ = 0;
};

}  // namespace

BOOST_AUTO_TEST_CASE(whichever_stream_fails_both_are_started_anew_and_answers_stay_the_same) {
  Fixture fixture;
  auto &leader = fixture.device->stream(0), &follower = fixture.device->stream(1);
  // The follower first: while schedules are being tried out it surely has something to do.
  std::vector<std::vector<std::vector<TokenId>>> answers;
  int n_failures = 0;
  for (auto* stream : {&follower, &leader}) {
    stream->steps_until_failure = 5;
    answers.push_back(fixture.serve());
    BOOST_TEST(stream->steps_until_failure <= 0);
    ++n_failures;
    BOOST_TEST(leader.n_bound == 1 + n_failures);
    BOOST_TEST(follower.n_bound == 1 + n_failures);
  }
  const auto undisturbed = fixture.serve();
  for (const auto& tokens : undisturbed) BOOST_TEST(tokens.size() == 60u);
  for (const auto& disturbed : answers) BOOST_TEST((disturbed == undisturbed));
}

// The next step lies with the leader already, and its follower's part of it comes from the leader.
BOOST_AUTO_TEST_CASE(an_end_amid_steps_of_two_streams_waits_for_no_stream_that_has_gone) {
  for (int round = 0; round < 8; ++round) {
    Fixture fixture;
    fixture.device->stream(0).pause = std::chrono::milliseconds(10);
    fixture.begin();
    std::this_thread::sleep_for(std::chrono::milliseconds(15 + 10 * round));
  }
}

BOOST_AUTO_TEST_SUITE_END()
