#include "actors/copy.hpp"

#include <map>
#include <memory>
#include <utility>

#include "actors/errors.hpp"
#include "actors/kv_budget.hpp"
#include "actors/log.hpp"

namespace nanoflow {
namespace {

using PrivateCopy = CopyActor::extend<
    // From the file: a transfer has ended.
    reacts_to<std::uint64_t, CopyOutcomePtr>>;

struct CopyState {
  static inline const char* name = "copy";

  struct InFlight {
    CopyJobPtr job;  // keeps its bytes
    caf::typed_response_promise<CopyOutcomePtr> promise;
  };
  std::map<std::uint64_t, InFlight> in_flight;
  std::uint64_t last_transfer = 0;
  std::unique_ptr<PageFile> file;  // the last member: it waits for its transfers
};

using CopySelf = PrivateCopy::stateful_pointer<CopyState>;

caf::typed_response_promise<CopyOutcomePtr> start(CopySelf self, const CopyJobPtr& job) {
  auto& state = self->state;
  const auto id = ++state.last_transfer;
  auto promise = self->make_response_promise<CopyOutcomePtr>();
  state.in_flight[id] = {job, promise};
  state.file->start({.id = id, .out = job->out, .slot = job->slot, .bytes = *job->bytes});
  return promise;
}

void finish(CopySelf self, std::uint64_t id, const CopyOutcomePtr& outcome) {
  auto ended = self->state.in_flight.extract(id);
  ended.mapped().promise.deliver(outcome);
}

PrivateCopy::behavior_type copy(CopySelf self, const CopyConfig& config) {
  end_on_exceptions(self);
  const auto address = self->address();
  self->state.file = std::make_unique<PageFile>(config.file, [address](const auto& end) {
    if (const auto to = caf::actor_cast<PrivateCopy>(address))
      caf::anon_send(to, end.id,
                     CopyOutcomePtr(std::make_shared<const CopyOutcome>(
                         CopyOutcome{.ms = end.ms, .error = end.error})));
  });
  const auto bytes = config.file.page_bytes * static_cast<std::uint64_t>(config.file.n_slots);
  log(LogLevel::info, "'" + config.model + "': pages may spill to " + format_bytes(bytes) + " in " +
                          config.file.folder.string() + " (" + self->state.file->engine() + ")");
  return {
      [self](const CopyJobPtr& job) { return start(self, job); },
      [self](std::uint64_t id, const CopyOutcomePtr& outcome) { finish(self, id, outcome); },
  };
}

}  // namespace

CopyActor spawn_copy(caf::actor_system& system, CopyConfig config) {
  return system.spawn(copy, std::move(config));
}

}  // namespace nanoflow
