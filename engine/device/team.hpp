#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace nanoflow {

/// Threads that share out each piece of work between them, each pinned to a processor. Worker 0 is
/// the thread that calls run. Between jobs the others spin for a moment, then sleep, so that an
/// idle team costs nothing and a busy one wakes up at once.
class Team {
 public:
  /// One worker for each entry, which is the processor it is pinned to.
  explicit Team(std::vector<int> cpus);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(cpus_.size()); }
  /// Makes the calling thread worker 0.
  void bind() const;
  /// Runs job(worker) on workers [0, n_workers), and returns when all are done; the others sleep.
  /// A task that throws sets `failed`; while that is set, tasks are passed over. Throws what a
  /// task threw.
  void run(int n_workers, std::atomic<bool>& failed, const std::function<void(int worker)>& job);

  // Within a job: every one of its workers makes the same calls in the same order.

  /// The job's workers.
  int n_running() const { return n_running_; }
  /// Calls task(i) for every i in [0, n), each on the worker that is free for it next, and returns
  /// when all are done. Which worker does what changes no result.
  template <class Task>
  void for_each(int n, const Task& task) {
    for (int i = next_task_.fetch_add(1, std::memory_order_relaxed); i < n;
         i = next_task_.fetch_add(1, std::memory_order_relaxed)) {
      if (failed_->load(std::memory_order_relaxed)) continue;
      try {
        task(i);
      } catch (...) {
        fail(std::current_exception());
      }
    }
    barrier();
  }

 private:
  void start(int n_workers);
  void work(int worker);
  void barrier();
  void fail(std::exception_ptr error);

  std::vector<int> cpus_;
  std::vector<std::jthread> threads_;
  const std::function<void(int)>* job_ = nullptr;
  int n_running_ = 0;
  std::atomic<bool>* failed_ = nullptr;
  std::mutex failure_lock_;
  std::exception_ptr failure_;
  bool stopping_ = false;

  // What all workers write to, each in a cache line of its own.
  // Jobs started, and in the low half how many workers the last one has; the workers sleep on it.
  alignas(64) std::atomic<std::uint32_t> jobs_ = 0;
  alignas(64) std::atomic<int> next_task_ = 0;
  alignas(64) std::atomic<int> arrived_ = 0;             // at the barrier
  alignas(64) std::atomic<std::uint32_t> barriers_ = 0;  // passed
};

/// Waits until the value is not `old` any more: spins, then sleeps.
void await_change(const std::atomic<std::uint32_t>& value, std::uint32_t old);

}  // namespace nanoflow
