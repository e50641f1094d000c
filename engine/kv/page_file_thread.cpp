// Transfers by a thread with pread and pwrite: where io_uring is forbidden, as in many containers.
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/kv/page_file.hpp"

namespace nanoflow {
namespace {

class ThreadTransfers : public PageTransfers {
 public:
  ThreadTransfers(int file, std::uint64_t page_bytes, PageTransferEnded ended)
      : file_(file),
        page_bytes_(page_bytes),
        ended_(std::move(ended)),
        thread_([this](const std::stop_token& stop) { work(stop); }) {}

  void start(const PageTransfer& transfer) override {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(transfer);
    }
    more_.notify_one();
  }

 private:
  void work(const std::stop_token& stop) {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    std::unique_lock lock(mutex_);
    while (more_.wait(lock, stop, [this] { return !queue_.empty(); })) {
      const PageTransfer transfer = queue_.front();
      queue_.pop_front();
      lock.unlock();
      const auto begin = std::chrono::steady_clock::now();
      auto error = transfer_now(file_, page_bytes_, transfer);
      const Milliseconds took = std::chrono::steady_clock::now() - begin;
      ended_({transfer.id, took.count(), std::move(error)});
      lock.lock();
    }
  }

  int file_;
  std::uint64_t page_bytes_;
  PageTransferEnded ended_;
  std::mutex mutex_;
  std::condition_variable_any more_;
  std::deque<PageTransfer> queue_;
  std::jthread thread_;  // the last member: the first to go
};

}  // namespace

std::unique_ptr<PageTransfers> make_thread_transfers(int file, std::uint64_t page_bytes,
                                                     PageTransferEnded ended) {
  return std::make_unique<ThreadTransfers>(file, page_bytes, std::move(ended));
}

}  // namespace nanoflow
