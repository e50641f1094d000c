// The same way Wayland's compositors survive clients that cut their shared memory
// (wl_shm_buffer_begin_access).
#include "engine/model/bus_guard.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>

#include "engine/model/error.hpp"

namespace nanoflow {

namespace {

/// A guarded range of memory. The signal handler reads it without a lock: start is written last
/// when a slot is taken, and first when it is given back.
struct Slot {
  std::atomic<std::uintptr_t> start{0}, end{0};
  std::atomic<bool> tripped{false};
};

std::array<Slot, 4096> slots;  // a sharded model has a few hundred files
std::mutex slots_mutex;        // for taking slots; not for the handler
struct sigaction previous;
std::uintptr_t page_bytes;

static_assert(std::atomic<std::uintptr_t>::is_always_lock_free, "read in a signal handler");

/// Puts zero pages from the fault's page on to the end of the mapping.
bool replace_by_zeros(Slot& slot, std::uintptr_t address) {
  const std::uintptr_t start = slot.start.load(std::memory_order_acquire);
  const std::uintptr_t end = slot.end.load(std::memory_order_acquire);
  if (start == 0 || address < start || address >= end) return false;
  const std::uintptr_t page = address / page_bytes * page_bytes;
  void* const zeros = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (zeros == MAP_FAILED) return false;
  slot.tripped.store(true, std::memory_order_release);
  return true;
}

void on_bus_error(int, siginfo_t* info, void*) {
  const int saved_errno = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const bool from_memory = info->si_code > 0;  // not sent by a process
  bool replaced = false;
  for (Slot& slot : slots) {
    if (from_memory && !replaced) replaced = replace_by_zeros(slot, address);
  }
  if (!replaced) {
    // The instruction faults again when this returns, and meets whoever cared before.
    ::sigaction(SIGBUS, &previous, nullptr);
    if (!from_memory) ::raise(SIGBUS);
  }
  errno = saved_errno;
}

/// Whoever took the signal in between gets what is not ours.
void ensure_installed() {
  struct sigaction current {};
  ::sigaction(SIGBUS, nullptr, &current);
  if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == on_bus_error) return;
  previous = current;
  page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace

BusGuard::BusGuard(std::span<const std::byte> mapping) {
  const std::lock_guard lock(slots_mutex);
  ensure_installed();
  slot_ = 0;
  while (slot_ < slots.size() && slots[slot_].start.load(std::memory_order_relaxed) != 0) ++slot_;
  if (slot_ == slots.size()) {
    throw ModelError("expected at most " + std::to_string(slots.size()) + " mapped files");
  }
  const auto start = reinterpret_cast<std::uintptr_t>(mapping.data());
  slots[slot_].tripped.store(false, std::memory_order_relaxed);
  slots[slot_].end.store(start + mapping.size(), std::memory_order_relaxed);
  slots[slot_].start.store(start, std::memory_order_release);
}

BusGuard::~BusGuard() {
  slots[slot_].start.store(0, std::memory_order_release);
}

bool BusGuard::tripped() const {
  return slots[slot_].tripped.load(std::memory_order_acquire);
}

}  // namespace nanoflow
