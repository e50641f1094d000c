#include "client/connection.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace nanoflow {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto connect_limit = 5s;  // for a peer that accepts but does not speak ZeroMQ

/// TCP needs keys: the server's public one, and any pair of our own unless the server knows its
/// clients.
void set_keys(zmq::socket_t& socket) {
  const char* server = std::getenv("NANOFLOW_SERVER_KEY");
  if (!server || !*server) return;
  char public_key[41], secret_key[41];
  const char* own_public = std::getenv("NANOFLOW_PUBLIC_KEY");
  const char* own_secret = std::getenv("NANOFLOW_SECRET_KEY");
  if (!own_public || !own_secret) {
    if (zmq_curve_keypair(public_key, secret_key) != 0) throw zmq::error_t();
    own_public = public_key;
    own_secret = secret_key;
  }
  socket.set(zmq::sockopt::curve_serverkey, server);
  socket.set(zmq::sockopt::curve_publickey, own_public);
  socket.set(zmq::sockopt::curve_secretkey, own_secret);
}

void set_options(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::linger, 200);        // ms: lets a last cancel out
  socket.set(zmq::sockopt::reconnect_ivl, -1);  // a new connection would be a new client
  socket.set(zmq::sockopt::maxmsgsize, std::int64_t(wire::max_message_bytes));
  socket.set(zmq::sockopt::heartbeat_ivl, 5000);  // ms: a machine that vanished sends no farewell
  socket.set(zmq::sockopt::heartbeat_timeout, 15000);
  set_keys(socket);
}

}  // namespace

int probe_endpoint(const std::string& endpoint) {
  constexpr std::string_view scheme = "ipc://";
  if (!endpoint.starts_with(scheme)) return 0;
  const std::string path = endpoint.substr(scheme.size());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.starts_with('@')) address.sun_path[0] = 0;
  const auto length = socklen_t(offsetof(sockaddr_un, sun_path) + path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int error = connect(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 ? 0 : errno;
  close(fd);
  return error;
}

Connection::Connection(const std::string& where) : endpoint(where) {
  if (const int error = probe_endpoint(endpoint)) throw NoDaemon({{endpoint, error}});
  try {
    set_options(socket_);
    const char* name = "inproc://monitor";
    if (zmq_socket_monitor(socket_.handle(), name, ZMQ_EVENT_ALL) != 0) throw zmq::error_t();
    monitor_.set(zmq::sockopt::linger, 0);
    monitor_.connect(name);
    socket_.connect(endpoint);
  } catch (const zmq::error_t& error) {
    throw NoDaemon({{endpoint, error.num()}});
  }
  const auto deadline = Clock::now() + connect_limit;
  while (state_ == State::connecting && Clock::now() < deadline) {
    zmq_pollitem_t item = {monitor_.handle(), 0, ZMQ_POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    zmq_poll(&item, 1, std::max<long>(0, left.count()));
    watch_monitor();
  }
  if (state_ != State::connected)
    throw NoDaemon({{endpoint, state_ == State::lost ? error_ : ETIMEDOUT}});
}

void Connection::watch_monitor() {
  zmq::message_t frame, address;
  while (monitor_.recv(frame, zmq::recv_flags::dontwait)) {
    (void)monitor_.recv(address);
    std::uint16_t event = 0;
    std::uint32_t value = 0;
    std::memcpy(&event, frame.data(), sizeof event);
    std::memcpy(&value, static_cast<char*>(frame.data()) + sizeof event, sizeof value);
    switch (event) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        state_ = State::connected;
        break;
      case ZMQ_EVENT_CLOSED:  // the attempt to connect failed
      case ZMQ_EVENT_CONNECT_RETRIED:
      case ZMQ_EVENT_DISCONNECTED:
        state_ = State::lost;
        error_ = ECONNREFUSED;
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        state_ = State::lost;
        error_ = EPROTO;
        break;
      default:
        break;
    }
  }
}

void Connection::fail() const {
  throw ConnectionLost("the daemon at " + endpoint +
                       " is gone; what it was doing for this client has ended");
}

void Connection::send(std::span<const std::byte> message) {
  watch_monitor();
  if (state_ != State::connected) fail();
  // Not waiting: a queue of a thousand unread requests means a daemon that no longer reads.
  while (
      !socket_.send(zmq::const_buffer(message.data(), message.size()), zmq::send_flags::dontwait)) {
    zmq_pollitem_t items[] = {{socket_.handle(), 0, ZMQ_POLLOUT, 0},
                              {monitor_.handle(), 0, ZMQ_POLLIN, 0}};
    zmq_poll(items, 2, -1);
    watch_monitor();
    if (state_ != State::connected) fail();
  }
}

std::optional<wire::Bytes> Connection::take() {
  zmq::message_t frame;
  if (!socket_.recv(frame, zmq::recv_flags::dontwait)) return std::nullopt;
  while (frame.more()) (void)socket_.recv(frame);  // an empty delimiter may come first
  const auto* first = static_cast<const std::byte*>(frame.data());
  return wire::Bytes(first, first + frame.size());
}

std::optional<wire::Bytes> Connection::receive(std::optional<std::chrono::milliseconds> timeout,
                                               int interrupt_fd) {
  const auto deadline = Clock::now() + timeout.value_or(0ms);
  while (true) {
    if (auto message = take()) return message;
    if (state_ != State::connected) fail();
    zmq_pollitem_t items[] = {{socket_.handle(), 0, ZMQ_POLLIN, 0},
                              {monitor_.handle(), 0, ZMQ_POLLIN, 0},
                              {nullptr, interrupt_fd, ZMQ_POLLIN, 0}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    const long wait_ms = timeout ? std::max<long>(0, left.count()) : -1;
    const int ready = zmq_poll(items, interrupt_fd >= 0 ? 3 : 2, wait_ms);
    if (ready < 0 && errno != EINTR) fail();
    watch_monitor();
    if (ready > 0 && (items[0].revents || items[1].revents)) continue;
    if (ready > 0 && interrupt_fd >= 0 && items[2].revents) return std::nullopt;
    if (timeout && Clock::now() >= deadline) return take();
  }
}

}  // namespace nanoflow
