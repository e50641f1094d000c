#include "engine/device/team.hpp"

#include <immintrin.h>

#include <utility>

#include "engine/device/processors.hpp"
#include "kernels/isa.hpp"

namespace nanoflow {

namespace {

// About 100 µs: longer than a neighbour's last task or the way from one step to the next, short
// enough not to matter where there is nothing to do.
constexpr int spins = 4000;
constexpr std::uint32_t workers_range = 1U << 16U;

}  // namespace

void await_change(const std::atomic<std::uint32_t>& value, std::uint32_t old) {
  for (int spin = 0; spin < spins; ++spin) {
    if (value.load(std::memory_order_acquire) != old) return;
    _mm_pause();
  }
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

Team::Team(std::vector<int> cpus) : cpus_(std::move(cpus)) {
  for (int worker = 1; worker < size(); ++worker)
    threads_.emplace_back([this, worker] { work(worker); });
}

Team::~Team() {
  stopping_ = true;
  start(size());
}

void Team::start(int n_workers) {
  const auto jobs = jobs_.load(std::memory_order_relaxed) / workers_range;
  jobs_.store((jobs + 1) * workers_range + static_cast<std::uint32_t>(n_workers),
              std::memory_order_release);
  jobs_.notify_all();
}

void Team::bind() const {
  pin_thread(cpus_[0]);
  kernels::set_float_mode();
}

void Team::run(int n_workers, std::atomic<bool>& failed,
               const std::function<void(int worker)>& job) {
  job_ = &job;
  failed_ = &failed;
  n_running_ = n_workers;
  start(n_workers);
  job(0);
  barrier();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Team::work(int worker) {
  pin_thread(cpus_[worker]);
  kernels::set_float_mode();
  // Jobs that begin and end between two looks are those that the worker has no part in.
  for (std::uint32_t seen = 0;;) {
    await_change(jobs_, seen);
    seen = jobs_.load(std::memory_order_acquire);
    if (stopping_) return;
    if (worker < static_cast<int>(seen % workers_range)) {
      (*job_)(worker);
      barrier();
    } else {
      jobs_.wait(seen, std::memory_order_acquire);  // at once: its processor may be another's now
    }
  }
}

void Team::barrier() {
  const auto passed = barriers_.load(std::memory_order_relaxed);
  const int n = n_running_;  // before arriving: the next job may have another number
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 < n) {
    await_change(barriers_, passed);
    return;
  }
  arrived_.store(0, std::memory_order_relaxed);
  next_task_.store(0, std::memory_order_relaxed);
  barriers_.store(passed + 1, std::memory_order_release);
  barriers_.notify_all();
}

void Team::fail(std::exception_ptr error) {
  const std::lock_guard lock(failure_lock_);
  failed_->store(true, std::memory_order_relaxed);
  if (!failure_) failure_ = std::move(error);
}

}  // namespace nanoflow
