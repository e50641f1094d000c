#include "daemon/signals.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace nanoflow {

Signals::Signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wakes_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals_ < 0 || wakes_ < 0)
    throw std::system_error(errno, std::generic_category(), "signalfd, eventfd");
}

Signals::~Signals() {
  close(signals_);
  close(wakes_);
}

int Signals::wait(std::optional<std::chrono::microseconds> timeout) {
  pollfd items[] = {{signals_, POLLIN, 0}, {wakes_, POLLIN, 0}};
  const int milliseconds = timeout ? int(timeout->count() / 1000) : -1;
  poll(items, 2, milliseconds);
  std::uint64_t count = 0;
  [[maybe_unused]] const auto woken = read(wakes_, &count, sizeof count);
  signalfd_siginfo info = {};
  return read(signals_, &info, sizeof info) == sizeof info ? int(info.ssi_signo) : 0;
}

void Signals::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wakes_, &one, sizeof one);
}

}  // namespace nanoflow
