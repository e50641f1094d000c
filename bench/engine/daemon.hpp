// A nanoflowd on the null device, for as long as the object lives.
#pragma once
#include <sys/types.h>

#include <filesystem>
#include <string>

#include <zmq.hpp>

#include "client/protocol.hpp"

namespace nanoflow::bench {

struct DaemonLimits {
  int max_sequences = 64, max_step_tokens = 512, max_waiting = 256;
};

class Daemon {
 public:
  /// Returns when the model is loaded. Throws std::runtime_error.
  Daemon(const std::string& model, const DaemonLimits& limits);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  const std::string& endpoint() const { return endpoint_; }
  /// Of all processors, in user and kernel mode, since it began.
  double cpu_seconds() const;
  /// Asks, and waits for the answer's fields. Throws std::runtime_error on an error.
  wire::Json ask(const wire::Operation& operation);

 private:
  void start(const std::string& model, const DaemonLimits& limits);
  void await_model();

  std::filesystem::path folder_;
  std::string endpoint_;
  pid_t process_ = -1;
  zmq::context_t context_{1};
  zmq::socket_t socket_{context_, zmq::socket_type::dealer};
};

}  // namespace nanoflow::bench
