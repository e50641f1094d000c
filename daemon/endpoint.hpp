// Where clients connect, made safe to listen on.
#pragma once
#include <optional>
#include <string>
#include <utility>

#include <zmq.hpp>

namespace nanoflow {

/// A lock file beside the socket, since ZeroMQ takes a path over from whoever listens there.
/// Removes the socket at its end, which ZeroMQ does not.
class EndpointLock {
 public:
  /// Throws std::runtime_error ("address in use") where another daemon holds it.
  explicit EndpointLock(const std::string& path);
  ~EndpointLock();
  EndpointLock(EndpointLock&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  EndpointLock& operator=(EndpointLock&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    return *this;
  }

 private:
  std::string path_;  // the socket's
  int fd_ = -1;
};

struct EndpointOptions {
  std::string uri;         // empty: the service's or the user's
  std::string group;       // who may open the service's socket
  bool service = false;    // else the socket is its user's alone
  std::string secret_key;  // CURVE's, for TCP; empty: only on the loopback
};

/// The address to listen on: the given one, or the default.
std::string resolve_endpoint(const EndpointOptions& options);

/// Binds. Throws ConfigError for an address that would be open to strangers, std::runtime_error
/// where it cannot be had.
std::optional<EndpointLock> bind_endpoint(zmq::socket_t& router, const std::string& uri,
                                          const EndpointOptions& options);

}  // namespace nanoflow
