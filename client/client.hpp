// The C++ client: finds a daemon, sends requests, hands out events. One object belongs to one
// thread.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "client/protocol.hpp"

namespace nanoflow {

/// The daemon went away. What was running there has ended as cancelled.
struct ConnectionLost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// No daemon answers. Says for each endpoint that was tried why not.
struct NoDaemon : ConnectionLost {
  struct Attempt {
    std::string endpoint;
    int error;  // an errno value: ENOENT, ECONNREFUSED (a stale socket), EACCES, ...
  };
  explicit NoDaemon(std::vector<Attempt> attempts);
  bool forbidden() const;  // a daemon may be there, but its socket may not be opened
  std::vector<Attempt> attempts;
};

/// The daemon answered with an error.
struct RequestFailed : std::runtime_error {
  explicit RequestFailed(wire::Error error)
      : std::runtime_error(error.message), error(std::move(error)) {}
  wire::Error error;
};

class Client {
 public:
  /// An empty endpoint means the first of wire::default_endpoints() where a daemon answers. Returns
  /// when the connection stands. Throws NoDaemon.
  explicit Client(const std::string& endpoint = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  using OnEvent = std::function<void(const wire::EventBody&)>;

  /// Sends, and calls back for each event before the last. Throws RequestFailed, ConnectionLost.
  wire::Done generate(const wire::Generate& request, const OnEvent& on_event = {});
  /// Any other operation: the fields of its answer. Throws RequestFailed, ConnectionLost.
  wire::Json request(const wire::Operation& operation, const OnEvent& on_progress = {});

  // For several requests at once:

  /// Throws ConnectionLost.
  wire::RequestId send(const wire::Operation& operation);
  /// The next event of any request; none when the time is over or `interrupt_fd` became readable.
  /// Throws ConnectionLost at once when the daemon is gone, after all it had sent was handed out.
  std::optional<wire::Event> receive(std::optional<std::chrono::milliseconds> timeout = {});
  /// Ends the request with finish_reason "cancelled", unless it is over already. Its last event
  /// still comes.
  void cancel(const wire::RequestId& target);

  /// While this descriptor is readable, generate() and request() cancel what they wait for, once. A
  /// program's signal handler writes to the other end.
  void set_interrupt_fd(int fd);

  const std::string& endpoint() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nanoflow
