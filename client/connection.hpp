// One DEALER socket whose death is noticed. Used by client.cpp only.
#pragma once
#include <chrono>
#include <optional>
#include <span>
#include <string>

#include <zmq.hpp>

#include "client/client.hpp"

namespace nanoflow {

/// 0 when something accepts connections there, else the errno value. What is not ipc cannot be
/// asked without connecting, and counts as there.
int probe_endpoint(const std::string& endpoint);

class Connection {
 public:
  explicit Connection(const std::string& endpoint);  // throws NoDaemon
  void send(std::span<const std::byte> message);     // throws ConnectionLost
  /// None when the time is over or interrupt_fd (if not negative) became readable. Throws
  /// ConnectionLost.
  std::optional<wire::Bytes> receive(std::optional<std::chrono::milliseconds> timeout,
                                     int interrupt_fd);
  const std::string endpoint;

 private:
  enum class State { connecting, connected, lost };
  void watch_monitor();  // reads what the monitor has to say
  std::optional<wire::Bytes> take();
  [[noreturn]] void fail() const;

  zmq::context_t context_{1};
  zmq::socket_t socket_{context_, zmq::socket_type::dealer};
  zmq::socket_t monitor_{context_, zmq::socket_type::pair};
  State state_ = State::connecting;
  int error_ = 0;
};

}  // namespace nanoflow
