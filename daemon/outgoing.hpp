// From the gateway to the socket thread: messages, and the wish that it ends.
#pragma once
#include <mutex>
#include <utility>
#include <vector>

#include "actors/messages.hpp"

namespace nanoflow {

class Outgoing {
 public:
  using Messages = std::vector<std::pair<ClientId, wire::Bytes>>;

  Outgoing();  // throws std::system_error
  ~Outgoing();
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  // Any thread:
  void push(ClientId client, wire::Bytes message);
  void stop();

  // The reader:
  /// Readable from the first push or stop after a take, until the next take.
  int fd() const { return fd_; }
  /// All that waits, in order, in place of what `messages` held. False once it should stop.
  bool take(Messages& messages);

 private:
  void wake();

  int fd_;  // an eventfd
  std::mutex lock_;
  Messages waiting_;
  bool stopping_ = false;
};

}  // namespace nanoflow
