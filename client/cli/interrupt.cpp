#include "client/cli/interrupt.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

namespace nanoflow::cli {
namespace {

// A signal handler reaches globals only.
int ends[2] = {-1, -1};
std::atomic<int> count = 0;

void on_signal(int) {
  if (++count > 1) _exit(128 + SIGINT);
  [[maybe_unused]] const auto written = write(ends[1], "x", 1);
}

}  // namespace

Interrupt::Interrupt() {
  if (ends[0] < 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;
  clear();
  struct sigaction action {};
  action.sa_handler = on_signal;  // no SA_RESTART: what waits for input must notice
  sigaction(SIGINT, &action, nullptr);
}

Interrupt::~Interrupt() {
  std::signal(SIGINT, SIG_DFL);
}
int Interrupt::fd() const {
  return ends[0];
}
bool Interrupt::happened() const {
  return count > 0;
}

void Interrupt::clear() {
  char bytes[64];
  while (read(ends[0], bytes, sizeof bytes) > 0) {
  }
  count = 0;
}

}  // namespace nanoflow::cli
