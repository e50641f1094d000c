// The engine-side actors of one model on a simulated device, wired as the catalog does it.
#pragma once
#include "actors/copy.hpp"
#include "actors/errors.hpp"
#include "actors/executor.hpp"
#include "actors/kv_manager.hpp"
#include "actors/scheduler.hpp"
#include "actors/stream.hpp"
#include "engine/device/simulated.hpp"
#include "tests/actors/recorder.hpp"
#include "tests/actors/world.hpp"
#include "tests/engine/batch/serving.hpp"
#include "tests/engine/device/config_only.hpp"

namespace nanoflow::test {

struct ModelOptions {
  Batcher::Options batcher{
      .context = 256, .n_pages = 64, .max_sequences = 8, .max_step_tokens = 64, .max_waiting = 32};
  bool prefix_cache = true;
  std::uint64_t fail_every = 0;
  std::chrono::milliseconds event_pause{0};
  int n_spilled = 0;                                       // pages of the spill file
  std::function<CopyActor(caf::actor_system&)> copy = {};  // instead of a real one
};

class OneModel {
 public:
  OneModel(World& world, const ModelOptions& options);
  ~OneModel();

  void admit(BatchRequest request) {
    caf::anon_send(recorder, admit_atom_v,
                   BatchRequestPtr(std::make_shared<const BatchRequest>(std::move(request))));
  }
  KvCache::Usage usage() { return **ask<UsagePtr>(world, kv_manager, usage_atom_v); }
  BatchSnapshot snapshot() { return **ask<SnapshotPtr>(world, scheduler, snapshot_atom_v); }

  World& world;
  std::shared_ptr<Device> device;
  std::shared_ptr<DeviceModel> device_model;
  KvManagerActor kv_manager;
  ExecutorActor executor;
  SchedulerActor scheduler;
  std::shared_ptr<Recorded> recorded = std::make_shared<Recorded>();
  RecorderActor recorder;

 private:
  StreamActor start_stream(caf::event_based_actor* keeper);
  void watch(const caf::actor_addr& actor) const;
  caf::actor keeper_;  // starts a stream, and another when it goes down
};

inline StreamActor OneModel::start_stream(caf::event_based_actor* keeper) {
  auto stream = spawn_stream(world.system, device, 0, Threads::shared);
  keeper->monitor(stream);
  keeper->attach_functor(
      [stream] { caf::anon_send_exit(stream, caf::exit_reason::user_shutdown); });
  return stream;
}

/// None of these actors ends by itself.
inline void OneModel::watch(const caf::actor_addr& actor) const {
  caf::actor_cast<caf::strong_actor_ptr>(actor)->get()->attach_functor(
      [](const caf::error& reason) {
        if (reason == caf::make_error(ActorError::internal)) BOOST_ERROR(explain(reason));
      });
}

inline OneModel::OneModel(World& world, const ModelOptions& options)
    : world(world),
      device(make_simulated_device(SimulatedOptions{.fail_every = options.fail_every})) {
  const auto& batcher = options.batcher;
  StreamActor stream;
  keeper_ = world.system.spawn([&](caf::event_based_actor* self) {
    stream = start_stream(self);
    self->set_down_handler([this, self](const caf::down_msg&) {
      self->send(executor, streams_atom_v, std::vector<StreamActor>{start_stream(self)});
    });
    return caf::behavior{[](tick_atom) {}};
  });
  world.run();
  device_model = device->load(std::make_shared<ConfigOnly>(vocab_size),
                              {.context = batcher.context,
                               .n_pages = batcher.n_pages,
                               .n_slots = batcher.max_sequences,
                               .max_step_tokens = batcher.max_step_tokens,
                               .progress = nullptr});
  executor =
      spawn_executor(world.system, {.model = "test",
                                    .device_model = device_model,
                                    .streams = {stream},
                                    .stream_names = {"compute"},
                                    .candidates = {sequential_schedule(device_model->graph())},
                                    .monitor = {}});
  CopyActor copy;
  if (options.copy)
    copy = options.copy(world.system);
  else if (options.n_spilled > 0)
    copy = spawn_copy(world.system, {.model = "test",
                                     .file = {.folder = ".",
                                              .page_bytes = device_model->page_bytes(),
                                              .n_slots = options.n_spilled,
                                              .engine = PageFile::Engine::caller}});
  kv_manager = spawn_kv_manager(world.system, {.model = "test",
                                               .cache = {.n_pages = batcher.n_pages,
                                                         .prefix_cache = options.prefix_cache,
                                                         .n_spilled = options.n_spilled},
                                               .device_model = device_model,
                                               .copy = copy});
  scheduler = spawn_scheduler(world.system, {.batcher = batcher,
                                             .vocab_size = vocab_size,
                                             .kv_manager = kv_manager,
                                             .executor = executor,
                                             .event_pause = options.event_pause});
  recorder = spawn_recorder(world.system, scheduler, recorded);
  for (const auto& actor : {scheduler.address(), executor.address(), kv_manager.address()})
    watch(actor);
}

inline OneModel::~OneModel() {
  world.end(recorder);
  world.end(scheduler);
  world.end(executor);
  world.end(kv_manager);
  world.end(keeper_);
}

}  // namespace nanoflow::test
