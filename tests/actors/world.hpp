// A system of actors in which nothing happens by chance: the test decides whose turn it is, and how
// time goes on.
#pragma once
#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <random>

#include "actors/interfaces.hpp"
#include "engine/batch/request.hpp"

namespace nanoflow::test {

class World {
 public:
  explicit World(unsigned seed) : random(seed), system(configure(config_)) {}

  caf::scheduler::test_coordinator& coordinator() {
    return dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  }
  /// Lets actors handle messages, in a random order, until nothing is left to do or so many were.
  std::size_t run(std::size_t most = 1'000'000) {
    auto& jobs = coordinator().jobs;
    std::size_t n = 0;
    for (; n < most && !jobs.empty(); ++n) {
      std::swap(jobs.front(), jobs[random() % jobs.size()]);
      coordinator().run_once();
    }
    return n;
  }
  void advance(std::chrono::milliseconds time) { coordinator().advance_time(time); }
  Clock::time_point now() { return system.clock().now(); }
  bool has_timer() { return coordinator().has_pending_timeout(); }

  template <class Handle>
  void end(const Handle& actor, caf::exit_reason reason = caf::exit_reason::user_shutdown) {
    if (actor) caf::anon_send_exit(actor, reason);
    run();
  }
  int below(int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); }
  bool chance(int per_cent) { return below(100) < per_cent; }

  std::mt19937 random;

 private:
  static caf::actor_system_config& configure(caf::actor_system_config& config) {
    config.set("scheduler.policy", caf::atom("testing"));
    config.set("logger.verbosity", caf::atom("quiet"));
    return config;
  }
  caf::actor_system_config config_;

 public:
  caf::actor_system system;
};

/// An answer to a request, once the world has run; empty where there is none, or an error.
template <class Answer, class Handle, class... Question>
std::optional<Answer> ask(World& world, const Handle& actor, const Question&... question) {
  auto answer = std::make_shared<std::optional<Answer>>();
  auto asker = world.system.spawn([=](caf::event_based_actor* self) {
    self->request(actor, caf::infinite, question...)
        .then([=](const Answer& value) { *answer = value; }, [](const caf::error&) {});
  });
  world.run();
  return *answer;
}

}  // namespace nanoflow::test
