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
  ProgramTimeline run(const Program& program) override {
    ran = std::this_thread::get_id();
    if (program.step == 13) throw std::runtime_error("no power");
    return {.step = program.step};
  }
  std::string name_ = "compute";
  std::thread::id bound, ran;
};

struct OneStreamDevice : Device {
  OneStreamDevice() { streams_.push_back(std::make_unique<OneStream>()); }
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

ProgramPtr program(std::uint64_t step) {
  auto result = std::make_shared<Program>();
  result->step = step;
  return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_stream_has_a_thread_of_its_own_and_binds_it_to_the_device) {
  caf::actor_system_config config;
  caf::actor_system system(config);
  const auto device = std::make_shared<OneStreamDevice>();
  const auto actor = spawn_stream(system, device, 0);
  caf::scoped_actor self(system);
  self->request(actor, caf::infinite, program(7))
      .receive([](const TimelinePtr& timeline) { BOOST_TEST(timeline->step == 7u); },
               [](const caf::error& error) { BOOST_ERROR(caf::to_string(error)); });
  const auto& stream = dynamic_cast<const OneStream&>(*device->streams()[0]);
  BOOST_TEST((stream.bound == stream.ran));
  BOOST_TEST((stream.ran != std::this_thread::get_id()));
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_CASE(a_failed_program_is_answered_and_ends_the_stream) {
  caf::actor_system_config config;
  caf::actor_system system(config);
  const auto actor = spawn_stream(system, std::make_shared<OneStreamDevice>(), 0);
  caf::scoped_actor self(system);
  self->monitor(actor);
  self->request(actor, caf::infinite, program(13))
      .receive([](const TimelinePtr&) { BOOST_ERROR("it ran"); },
               [](const caf::error& error) {
                 BOOST_TEST(explain(error) == "stream compute: no power");
               });
  self->receive([](const caf::down_msg& down) {
    BOOST_TEST((down.reason == caf::make_error(ActorError::device_failed)));
  });
}

BOOST_AUTO_TEST_SUITE_END()
