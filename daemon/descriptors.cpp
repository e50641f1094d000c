#include "daemon/descriptors.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "actors/log.hpp"

namespace nanoflow {
namespace {

/// ZeroMQ 4.3.4 aborts where a unix socket's accept fails with EMFILE, and takes ENFILE for a
/// failure that passes. Whoever connects then waits until someone else has gone; and ZeroMQ asks
/// again at once, which would keep a core busy.
int without_emfile(int accepted) {
  if (accepted >= 0 || errno != EMFILE) return accepted;
  using Clock = std::chrono::steady_clock;
  static std::atomic<Clock::rep> next_warning = 0;
  const auto now = Clock::now().time_since_epoch();
  if (now.count() >= next_warning.load()) {
    next_warning = (now + std::chrono::minutes(1)).count();
    log(LogLevel::warning, "no descriptors are left: new clients wait until others have gone");
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  errno = ENFILE;
  return accepted;
}

}  // namespace

void allow_all_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace nanoflow

// Instead of the C library's: an executable's own functions come first for its libraries, too.
extern "C" {

int accept(int socket, sockaddr* address, socklen_t* length) {
  return nanoflow::without_emfile(static_cast<int>(syscall(SYS_accept, socket, address, length)));
}

int accept4(int socket, sockaddr* address, socklen_t* length, int flags) {
  return nanoflow::without_emfile(
      static_cast<int>(syscall(SYS_accept4, socket, address, length, flags)));
}

}  // extern "C"
