#include "actors/stream.hpp"

#include <thread>

#include <boost/test/unit_test.hpp>

#include "actors/errors.hpp"

using namespace nanoflow;

BOOST_AUTO_TEST_SUITE(stream)

namespace {

struct OneStream : DeviceStream {
  const std::string& name() const override { return name_; }
  int n_workers() const override { return 1; }
  void bind() override { bound = std::this_thread::get_id(); }
  std::vector<ProgramTimeline> run(const Program& program) override {
    ran = std::this_thread::get_id();
    if (program.step == 13) throw std::runtime_error("no power");
    steps.push_back(program.step);
    return {{.step = program.step}};
  }
  std::string name_ = "compute";
  std::thread::id bound, ran;
  std::vector<std::uint64_t> steps;
};

struct TestDevice : Device {
  explicit TestDevice(int n_streams = 1) {
    for (int i = 0; i < n_streams; ++i) streams_.push_back(std::make_unique<OneStream>());
  }
  const std::string& name() const override { return text_; }
  const std::string& description() const override { return text_; }
  std::span<const std::unique_ptr<DeviceStream>> streams() override { return streams_; }
  std::uint64_t page_bytes(const ModelConfig&, WeightFormat, KvFormat) const override { return 1; }
  std::uint64_t weight_bytes(const Checkpoint&, WeightFormat) const override { return 1; }
  std::shared_ptr<DeviceModel> load(std::shared_ptr<const Checkpoint>,
                                    const LoadOptions&) override {
    return nullptr;
  }
  std::string text_ = "test";
  std::vector<std::unique_ptr<DeviceStream>> streams_;
};

StepProgramsPtr programs(std::uint64_t step, std::vector<StreamActor> followers = {}) {
  auto program = std::make_shared<Program>();
  program->step = step;
  auto result = std::make_shared<StepPrograms>();
  result->programs.assign(1 + followers.size(), program);
  result->followers = std::move(followers);
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stream_has_a_thread_of_its_own_and_binds_it_to_the_device) {
  caf::actor_system_config config;
  caf::actor_system system(config);
  const auto device = std::make_shared<TestDevice>();
  const auto actor = spawn_stream(system, device, 0);
  caf::scoped_actor self(system);
  self->request(actor, caf::infinite, programs(7))
      .receive([](const TimelinesPtr& timelines) { BOOST_TEST(timelines->front().step == 7u); },
               [](const caf::error& error) { BOOST_ERROR(caf::to_string(error)); });
  const auto& stream = dynamic_cast<const OneStream&>(*device->streams()[0]);
  BOOST_TEST((stream.bound == stream.ran));
  BOOST_TEST((stream.ran != std::this_thread::get_id()));
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_CASE(a_failed_program_is_answered_and_ends_the_stream) {
  caf::actor_system_config config;
  caf::actor_system system(config);
  const auto actor = spawn_stream(system, std::make_shared<TestDevice>(), 0);
  caf::scoped_actor self(system);
  self->monitor(actor);
  self->request(actor, caf::infinite, programs(13))
      .receive([](const TimelinesPtr&) { BOOST_ERROR("it ran"); },
               [](const caf::error& error) {
                 BOOST_TEST(explain(error) == "stream compute: no power");
               });
  self->receive([](const caf::down_msg& down) {
    BOOST_TEST((down.reason == caf::make_error(ActorError::device_failed)));
  });
}

BOOST_AUTO_TEST_CASE(a_leader_hands_its_followers_their_programs_in_its_own_order) {
  caf::actor_system_config config;
  caf::actor_system system(config);
  const auto device = std::make_shared<TestDevice>(2);
  const auto leader = spawn_stream(system, device, 0), follower = spawn_stream(system, device, 1);
  caf::scoped_actor self(system);
  for (const std::uint64_t step : {3, 9, 4, 1})
    self->request(leader, caf::infinite, programs(step, {follower}))
        .receive([](const TimelinesPtr&) {}, [](const caf::error&) { BOOST_ERROR("it failed"); });
  self->request(follower, caf::infinite, ping_atom_v)
      .receive([](pong_atom) {}, [](const caf::error&) { BOOST_ERROR("it failed"); });
  const auto& stream = dynamic_cast<const OneStream&>(*device->streams()[1]);
  BOOST_TEST(stream.steps == (std::vector<std::uint64_t>{3, 9, 4, 1}),
             boost::test_tools::per_element());
  for (const auto& actor : {leader, follower})
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_SUITE_END()
