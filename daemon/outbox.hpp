// What waits for clients that do not read fast enough: bounded for each.
#pragma once
#include <deque>
#include <functional>
#include <unordered_map>

#include "actors/messages.hpp"

namespace nanoflow {

class Outbox {
 public:
  enum class Sent { yes, blocked, gone };
  /// Takes the message's bytes where it sends it.
  using TrySend = std::function<Sent(ClientId, wire::Bytes&)>;

  /// Beyond soft_limit bytes a client counts as stalled; beyond hard_limit messages are dropped. In
  /// between is room for the last word to each of its requests.
  struct Limits {
    std::size_t soft_bytes = 8 << 20, hard_bytes = 12 << 20;
  };
  explicit Outbox(TrySend try_send, Limits limits)
      : try_send_(std::move(try_send)), limits_(limits) {}

  enum class State { sent, queued, stalled, gone };  // stalled: said once, until all is sent
  State send(ClientId client, wire::Bytes message);
  /// Tries again for everyone; returns the clients found gone.
  std::vector<ClientId> retry();
  void forget(ClientId client) { queues_.erase(client); }
  bool blocked() const { return !queues_.empty(); }

 private:
  struct Queue {
    std::deque<wire::Bytes> messages;
    std::size_t bytes = 0;
    bool stalled = false;
  };
  TrySend try_send_;
  Limits limits_;
  std::unordered_map<ClientId, Queue> queues_;  // of clients that are blocked
};

}  // namespace nanoflow
