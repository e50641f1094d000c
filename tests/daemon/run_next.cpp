#include "daemon/run_next.hpp"

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <vector>

using namespace nanoflow;

BOOST_AUTO_TEST_SUITE(run_next)

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 60s;

struct Config : caf::actor_system_config {
  explicit Config(int n_threads) {
    load<RunNextScheduler>();
    set("scheduler.max-threads", n_threads);
    set("scheduler.max-throughput", 1);
  }
};

/// Hands a number back and forth with another one until it is 0.
caf::behavior player(caf::event_based_actor* self, const std::shared_ptr<std::promise<void>>& end) {
  return {[=](int left, const caf::actor& other) {
    if (left > 0)
      self->send(other, left - 1, caf::actor(self));
    else
      end->set_value();
  }};
}

bool comes(std::future<void> future) {
  return future.wait_for(patience) == std::future_status::ready;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_message_is_handled) {
  Config config(3);
  std::atomic<int> n_handled = 0;
  constexpr int n_actors = 20, n_messages = 500;
  {
    caf::actor_system system(config);
    std::vector<caf::actor> counters;
    for (int i = 0; i < n_actors; ++i)
      counters.push_back(
          system.spawn([&]() -> caf::behavior { return {[&](int) { ++n_handled; }}; }));
    // From an actor: one goes next, the others into the queue.
    auto sender = system.spawn([counters](caf::event_based_actor* self) -> caf::behavior {
      return {[=](int message) {
        for (const auto& counter : counters) self->send(counter, message);
      }};
    });
    for (int i = 0; i < n_messages; ++i) caf::anon_send(sender, i);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (n_handled < n_actors * n_messages && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(1ms);
  }
  BOOST_TEST(n_handled == n_actors * n_messages);
}

BOOST_AUTO_TEST_CASE(two_that_keep_each_other_busy_do_not_keep_others_from_running) {
  Config config(1);
  caf::actor_system system(config);
  auto endless = std::make_shared<std::promise<void>>();
  auto first = system.spawn(player, endless), second = system.spawn(player, endless);
  caf::anon_send(first, 1'000'000'000, second);
  auto end = std::make_shared<std::promise<void>>();
  auto other = system.spawn(player, end);
  caf::anon_send(other, 0, other);
  BOOST_TEST(comes(end->get_future()));
  caf::anon_send_exit(first, caf::exit_reason::kill);
  caf::anon_send_exit(second, caf::exit_reason::kill);
}

BOOST_AUTO_TEST_CASE(threads_that_sleep_wake_up) {
  Config config(2);
  caf::actor_system system(config);
  for (int i = 0; i < 100; ++i) {
    auto end = std::make_shared<std::promise<void>>();
    auto first = system.spawn(player, end), second = system.spawn(player, end);
    caf::anon_send(first, 5, second);
    BOOST_REQUIRE(comes(end->get_future()));
    if (i % 10 == 0) std::this_thread::sleep_for(2ms);
  }
}

BOOST_AUTO_TEST_SUITE_END()
