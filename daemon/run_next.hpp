// How actors come to threads.
#pragma once
#include <caf/all.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/scheduler/coordinator.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace nanoflow {

/// A scheduling policy for CAF: one queue for all threads, as in its `sharing`, but the first actor
/// that a message makes ready is run next by the thread that sent the message. Along a step's way
/// (scheduler, KV manager, scheduler, executor, ...) each does little and then waits for the next,
/// so that waking another thread each time would cost more than what is done.
///
/// What is to be run next waits until its sender's turn is over: turns should be short, hence
/// scheduler.max-throughput. Idle threads sleep.
class RunNext : public caf::policy::unprofiled {
 public:
  static constexpr int most_in_a_row = 16;  // before what waits in the queue has its turn

  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {}
    std::mutex lock;
    std::condition_variable filled;
    std::deque<caf::resumable*> queue;
    int n_idle = 0;  // threads that wait for it
  };
  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator*) {}
    caf::resumable* next = nullptr;
    int in_a_row = 0;
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* coordinator, caf::resumable* job) {
    auto& shared = d(coordinator);
    std::unique_lock lock(shared.lock);
    shared.queue.push_back(job);
    const bool wake = shared.n_idle > 0;
    lock.unlock();
    if (wake) shared.filled.notify_one();
  }

  template <class Worker>
  void external_enqueue(Worker* worker, caf::resumable* job) {
    central_enqueue(worker->parent(), job);
  }

  template <class Worker>
  void internal_enqueue(Worker* worker, caf::resumable* job) {
    if (!d(worker).next)
      d(worker).next = job;
    else
      central_enqueue(worker->parent(), job);
  }

  template <class Worker>
  void resume_job_later(Worker* worker, caf::resumable* job) {
    central_enqueue(worker->parent(), job);
  }

  template <class Worker>
  caf::resumable* dequeue(Worker* worker) {
    auto& own = d(worker);
    if (own.next && own.in_a_row++ < most_in_a_row) return std::exchange(own.next, nullptr);
    own.in_a_row = 0;
    auto& shared = d(worker->parent());
    std::unique_lock lock(shared.lock);
    if (own.next) shared.queue.push_back(std::exchange(own.next, nullptr));
    ++shared.n_idle;
    shared.filled.wait(lock, [&] { return !shared.queue.empty(); });
    --shared.n_idle;
    auto* job = shared.queue.front();
    shared.queue.pop_front();
    return job;
  }

  template <class Worker, class Function>
  void foreach_resumable(Worker* worker, Function function) {
    if (auto* job = std::exchange(d(worker).next, nullptr)) function(job);
  }

  template <class Coordinator, class Function>
  void foreach_central_resumable(Coordinator* coordinator, Function function) {
    auto& shared = d(coordinator);
    const std::lock_guard lock(shared.lock);
    for (auto* job : std::exchange(shared.queue, {})) function(job);
  }
};

/// For caf::actor_system_config::load.
using RunNextScheduler = caf::scheduler::coordinator<RunNext>;

}  // namespace nanoflow
