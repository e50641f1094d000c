// Clients that always have so many requests running, and read what comes.
#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "client/protocol.hpp"

namespace nanoflow::bench {

struct LoadOptions {
  int n_clients = 64;
  int n_live = 64;           // requests of all clients together
  int answer_tokens = 2000;  // of a request; then its client sends the next one
};

/// Runs on one thread, from construction on, until it is destroyed.
class Load {
 public:
  Load(const std::string& endpoint, const LoadOptions& options);
  ~Load() { stopping_ = true; }

  std::uint64_t n_tokens() const { return n_tokens_; }
  std::uint64_t n_events() const { return n_events_; }
  std::uint64_t n_errors() const { return n_errors_; }
  double cpu_seconds() const;

 private:
  void run();

  std::string endpoint_;
  LoadOptions options_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> n_tokens_ = 0, n_events_ = 0, n_errors_ = 0;
  std::jthread thread_;
};

}  // namespace nanoflow::bench
