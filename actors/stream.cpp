#include "actors/stream.hpp"

#include <utility>

#include "actors/errors.hpp"

namespace nanoflow {
namespace {

struct StreamState {
  static inline const char* name = "stream";
};

StreamActor::behavior_type stream(StreamActor::stateful_pointer<StreamState> self,
                                  const std::shared_ptr<Device>& device, std::size_t index) {
  end_on_exceptions(self);
  DeviceStream& stream = *device->streams()[index];
  stream.bind();  // here, since this already runs on the actor's own thread
  const auto fail = [self, &stream](const std::exception& failure) {
    auto error = caf::make_error(ActorError::device_failed,
                                 "stream " + stream.name() + ": " + failure.what());
    self->quit(error);
    return error;
  };
  return {
      [self, device, &stream, fail](const StepProgramsPtr& step) -> caf::result<TimelinesPtr> {
        for (std::size_t i = 1; i < step->programs.size(); ++i)
          self->send(step->followers[i - 1], step->programs[i]);
        try {
          return std::make_shared<const std::vector<ProgramTimeline>>(
              stream.run(*step->programs.front()));
        } catch (const std::exception& failure) {
          return fail(failure);
        }
      },
      [device, &stream, fail](const ProgramPtr& program) {
        try {
          stream.run(*program);
        } catch (const std::exception& failure) {
          fail(failure);
        }
      },
      [](ping_atom) { return pong_atom_v; },
  };
}

}  // namespace

StreamActor spawn_stream(caf::actor_system& system, std::shared_ptr<Device> device,
                         std::size_t index, Threads threads) {
  if (threads == Threads::own) return system.spawn<caf::detached>(stream, std::move(device), index);
  return system.spawn(stream, std::move(device), index);
}

}  // namespace nanoflow
