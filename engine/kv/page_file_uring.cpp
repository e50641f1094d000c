// Transfers by io_uring: the kernel copies, one thread of ours only waits for what has ended.
#include <liburing.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "engine/kv/page_file.hpp"

namespace nanoflow {
namespace {

constexpr unsigned ring_entries = 64;
constexpr std::uint64_t stop_id = 0;  // of the request that ends the thread

class UringTransfers : public PageTransfers {
 public:
  UringTransfers(int file, std::uint64_t page_bytes, PageTransferEnded ended, io_uring ring)
      : file_(file),
        page_bytes_(page_bytes),
        ended_(std::move(ended)),
        ring_(ring),
        thread_([this] { wait(); }) {}

  ~UringTransfers() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      wake();
    }
    thread_.join();
    io_uring_queue_exit(&ring_);
  }

  void start(const PageTransfer& transfer) override {
    const std::lock_guard lock(mutex_);
    const auto number = ++last_number_;
    in_flight_[number] = {transfer, 0, Clock::now()};
    submit(number);
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct InFlight {
    PageTransfer transfer;
    std::size_t done = 0;  // bytes
    Clock::time_point began;
  };

  /// What is left of it. With the lock held. Where the kernel takes no request the transfer fails.
  void submit(std::uint64_t number) {
    const auto& each = in_flight_.at(number);
    const auto& transfer = each.transfer;
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (!entry) return refuse(number, EBUSY);
    auto* const rest = transfer.bytes.data() + each.done;
    const auto n = static_cast<unsigned>(transfer.bytes.size() - each.done);
    const std::uint64_t offset =
        static_cast<std::uint64_t>(transfer.slot) * page_bytes_ + each.done;
    if (transfer.out)
      io_uring_prep_write(entry, file_, rest, n, offset);
    else
      io_uring_prep_read(entry, file_, rest, n, offset);
    io_uring_sqe_set_data64(entry, number);
    const int taken = io_uring_submit(&ring_);
    if (taken < 1) refuse(number, taken < 0 ? -taken : EBUSY);
  }

  /// An empty request, which ends at once.
  void wake() {
    if (io_uring_sqe* entry = io_uring_get_sqe(&ring_)) {
      io_uring_prep_nop(entry);
      io_uring_sqe_set_data64(entry, stop_id);
      io_uring_submit(&ring_);
    }
  }
  void refuse(std::uint64_t number, int error) {
    refused_.emplace_back(number, error);
    wake();
  }

  void wait() {
    for (;;) {
      io_uring_cqe* entry = nullptr;
      const int failure = io_uring_wait_cqe(&ring_, &entry);
      if (failure == -EINTR) continue;
      std::uint64_t number = stop_id;
      int result = failure;
      if (failure == 0) {
        number = io_uring_cqe_get_data64(entry);
        result = entry->res;
        io_uring_cqe_seen(&ring_, entry);
      }
      if (!take(number, result, failure != 0)) return;
    }
  }

  /// False: nothing is in flight, and nothing will be.
  bool take(std::uint64_t number, int result, bool broken) {
    std::vector<PageTransferEnd> ends;
    bool more = true;
    {
      const std::lock_guard lock(mutex_);
      if (number != stop_id && go_on(number, result)) return true;
      if (number != stop_id) ends.push_back(end(number, result));
      for (const auto& [refused, error] : std::exchange(refused_, {}))
        ends.push_back(end(refused, -error));
      more = !broken && !(stopping_ && in_flight_.empty());
    }
    for (const auto& each : ends) ended_(each);
    return more;
  }

  /// True: only a part was copied, or the kernel wants to be asked again.
  bool go_on(std::uint64_t number, int result) {
    auto& each = in_flight_.at(number);
    const bool again = result == -EINTR || result == -EAGAIN;
    if (!again && result <= 0) return false;
    if (!again) each.done += static_cast<std::size_t>(result);
    if (each.done == each.transfer.bytes.size()) return false;
    submit(number);
    return true;
  }

  PageTransferEnd end(std::uint64_t number, int result) {
    const auto each = in_flight_.at(number);
    in_flight_.erase(number);
    const auto now = Clock::now();
    const std::chrono::duration<double, std::milli> took = now - std::max(each.began, last_end_);
    last_end_ = now;
    PageTransferEnd end{.id = each.transfer.id, .ms = took.count(), .error = {}};
    if (result < 0)
      end.error = std::strerror(-result);
    else if (each.done < each.transfer.bytes.size())
      end.error = each.transfer.out ? "nothing was written" : "the file ends before the page";
    return end;
  }

  int file_;
  std::uint64_t page_bytes_;
  PageTransferEnded ended_;
  std::mutex mutex_;  // of all below, but for the ring's completions, which are the thread's
  io_uring ring_;
  std::map<std::uint64_t, InFlight> in_flight_;
  std::vector<std::pair<std::uint64_t, int>> refused_;  // number, error
  std::uint64_t last_number_ = stop_id;
  Clock::time_point last_end_;
  bool stopping_ = false;
  std::thread thread_;  // the last member: all it uses is there
};

}  // namespace

std::unique_ptr<PageTransfers> make_uring_transfers(int file, std::uint64_t page_bytes,
                                                    PageTransferEnded ended) {
  io_uring ring{};
  if (io_uring_queue_init(ring_entries, &ring, 0) != 0) return nullptr;
  return std::make_unique<UringTransfers>(file, page_bytes, std::move(ended), ring);
}

}  // namespace nanoflow
