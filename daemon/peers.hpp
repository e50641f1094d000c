// Who is connected: ZeroMQ's routing ids, the clients' descriptors, and the gateway's client ids.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/messages.hpp"

namespace nanoflow {

/// A user by the kernel's word. `address` is ZeroMQ's "Peer-Address", which on a unix socket ends
/// in SO_PEERCRED's ":uid:gid:pid", read when the connection was accepted (asking the descriptor
/// later may find another client's). Anything else is nobody known.
ClientInfo identify(std::string_view address, const std::string& admin_group);

/// ZeroMQ made it: five bytes, the first of them zero. Others were chosen by the client, who might
/// so take a dead client's place.
bool is_automatic_routing_id(std::string_view routing_id);

struct Peer {
  ClientInfo info;
  std::string routing_id;
  int fd = -1;             // on our side
  bool delimiter = false;  // it sends an empty frame first, and gets one
  /// Bytes that ZeroMQ holds for it. Its high-water mark counts messages, and those may be large.
  std::shared_ptr<std::atomic<std::size_t>> unsent = std::make_shared<std::atomic<std::size_t>>(0);
};

class Peers {
 public:
  Peer* find(const std::string& routing_id);
  Peer* find(ClientId client);
  /// Messages of the dead may still lie in ZeroMQ's queues.
  bool is_dead(const std::string& routing_id) const { return dead_.contains(routing_id); }
  Peer& add(std::string routing_id, int fd, ClientInfo info);
  void remove(ClientId client);
  std::vector<ClientId> with_fd(int fd) const;
  std::size_t size() const { return peers_.size(); }

 private:
  static constexpr std::size_t max_dead = 4096;
  std::unordered_map<ClientId, Peer> peers_;
  std::unordered_map<std::string, ClientId> by_routing_id_;
  std::multimap<int, ClientId> by_fd_;
  std::set<std::string> dead_;
  std::deque<std::string> dead_in_order_;
  ClientId next_ = 1;
};

}  // namespace nanoflow
