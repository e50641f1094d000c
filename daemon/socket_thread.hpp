// The one thread that touches the clients' socket. It decides nothing: frames go to the gateway,
// and what the gateway says goes out.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include <zmq.hpp>

#include "daemon/endpoint.hpp"
#include "daemon/outbox.hpp"
#include "daemon/outgoing.hpp"
#include "daemon/peers.hpp"

namespace nanoflow {

class SocketThread {
 public:
  struct Options {
    EndpointOptions endpoint;
    std::string admin_group;
  };
  /// Called on the socket thread, in the order in which things happened.
  struct Receiver {
    std::function<void(std::shared_ptr<const ClientMessage>)> message;
    std::function<void(ClientGone)> gone;
    std::function<void(ClientStalled)> stalled;
  };

  /// Listens; nobody is heard before start. Throws ConfigError, std::runtime_error.
  explicit SocketThread(Options options);
  /// Sends what is still to be sent, for a second at most.
  ~SocketThread();

  void start(Receiver receiver);
  /// By any thread.
  void send(ClientId client, wire::Bytes message) { outgoing_.push(client, std::move(message)); }
  const std::string& endpoint() const { return endpoint_; }

 private:
  void run();
  bool read_outgoing();  // false: it is time to stop
  void read_incoming();
  bool read_message();
  void read_monitor();
  void receive(const std::string& routing_id, zmq::message_t& payload, bool delimiter);
  Peer* identify_peer(const std::string& routing_id, zmq::message_t& message);
  void refuse(const std::string& routing_id, const char* why, bool delimiter);
  void deliver(ClientId client, wire::Bytes message);
  Outbox::Sent try_send(ClientId client, wire::Bytes& message);
  /// Sends the frames before a message's own, which then can be sent, too.
  Outbox::Sent try_begin(const std::string& routing_id, bool delimiter);
  void remove(ClientId client);
  void finish();

  Options options_;
  Receiver receiver_;
  zmq::context_t context_{1};
  zmq::socket_t router_{context_, zmq::socket_type::router};
  zmq::socket_t monitor_{context_, zmq::socket_type::pair};
  Outgoing outgoing_;
  Outgoing::Messages taken_;  // of outgoing_, being sent
  std::string endpoint_;
  std::optional<EndpointLock> lock_;
  Peers peers_;
  Outbox outbox_;
  /// Bytes that the gateway has not read yet: when they are many, clients have to wait.
  std::shared_ptr<std::atomic<std::size_t>> unread_ = std::make_shared<std::atomic<std::size_t>>(0);
  std::jthread thread_;
};

}  // namespace nanoflow
