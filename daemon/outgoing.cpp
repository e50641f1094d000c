#include "daemon/outgoing.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace nanoflow {

Outgoing::Outgoing() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

Outgoing::~Outgoing() {
  close(fd_);
}

void Outgoing::push(ClientId client, wire::Bytes message) {
  const std::lock_guard lock(lock_);
  if (waiting_.empty()) wake();
  waiting_.emplace_back(client, std::move(message));
}

void Outgoing::stop() {
  const std::lock_guard lock(lock_);
  stopping_ = true;
  wake();
}

/// Cannot fail: a counter that is full is readable, too.
void Outgoing::wake() {
  eventfd_write(fd_, 1);
}

bool Outgoing::take(Messages& messages) {
  messages.clear();
  const std::lock_guard lock(lock_);
  messages.swap(waiting_);
  eventfd_t count = 0;
  eventfd_read(fd_, &count);
  return !stopping_;
}

}  // namespace nanoflow
