#include "daemon/socket_thread.hpp"

#include <cstring>

namespace nanoflow {
namespace {

constexpr std::size_t max_unread_bytes = 64 << 20;
constexpr std::size_t max_unsent_bytes = 4 << 20;           // of one client
constexpr auto retry_time = std::chrono::milliseconds(10);  // only while something is blocked
constexpr int messages_at_once = 64;  // before the other sockets have their turn
constexpr const char* peer_address_property = "Peer-Address";  // zmq_msg_gets(3)
constexpr const char* monitor_address = "inproc://monitor";

struct CountedBytes {
  wire::Bytes bytes;
  std::shared_ptr<std::atomic<std::size_t>> unsent;
};

std::string to_text(const zmq::message_t& frame) {
  return {static_cast<const char*>(frame.data()), frame.size()};
}

/// A copy that is counted as unread until the gateway lets it go.
std::shared_ptr<const wire::Bytes> counted_copy(
    const zmq::message_t& frame, const std::shared_ptr<std::atomic<std::size_t>>& unread) {
  const auto* begin = static_cast<const std::byte*>(frame.data());
  const std::size_t size = frame.size();
  *unread += size;
  return {new wire::Bytes(begin, begin + size), [unread, size](const wire::Bytes* bytes) {
            delete bytes;
            *unread -= size;
          }};
}

}  // namespace

SocketThread::SocketThread(Options options)
    : options_(std::move(options)),
      outbox_([this](ClientId client, wire::Bytes& message) { return try_send(client, message); },
              {}) {
  router_.set(zmq::sockopt::maxmsgsize, std::int64_t(wire::max_message_bytes));
  router_.set(zmq::sockopt::rcvhwm, 16);
  router_.set(zmq::sockopt::sndhwm, 1024);
  router_.set(zmq::sockopt::linger, 1000);
  router_.set(zmq::sockopt::router_mandatory, 1);
  // The monitor is connected before anyone can be, and never blocks ZeroMQ's own thread.
  monitor_.set(zmq::sockopt::rcvhwm, 0);
  if (zmq_socket_monitor(router_.handle(), monitor_address, ZMQ_EVENT_DISCONNECTED) != 0)
    throw zmq::error_t();
  monitor_.connect(monitor_address);
  endpoint_ = resolve_endpoint(options_.endpoint);
  lock_ = bind_endpoint(router_, endpoint_, options_.endpoint);
  endpoint_ = router_.get(zmq::sockopt::last_endpoint);
}

SocketThread::~SocketThread() {
  if (!thread_.joinable()) return;
  outgoing_.stop();
  thread_.join();
}

void SocketThread::start(Receiver receiver) {
  receiver_ = std::move(receiver);
  thread_ = std::jthread([this] { run(); });
}

void SocketThread::run() {
  bool running = true;
  while (running) {
    const bool full = *unread_ > max_unread_bytes;
    zmq::pollitem_t items[] = {{nullptr, outgoing_.fd(), ZMQ_POLLIN, 0},
                               {monitor_.handle(), 0, ZMQ_POLLIN, 0},
                               {router_.handle(), 0, ZMQ_POLLIN, 0}};
    const auto forever = std::chrono::milliseconds(-1);
    zmq::poll(items, full ? 2 : 3, full || outbox_.blocked() ? retry_time : forever);
    read_monitor();
    running = read_outgoing();
    if (outbox_.blocked())
      for (const ClientId client : outbox_.retry()) remove(client);
    if (!full) read_incoming();
  }
  finish();
}

// ---- From the gateway --------------------------------------------------------------------------

bool SocketThread::read_outgoing() {
  const bool running = outgoing_.take(taken_);
  for (auto& [client, message] : taken_) deliver(client, std::move(message));
  return running;
}

void SocketThread::deliver(ClientId client, wire::Bytes message) {
  switch (outbox_.send(client, std::move(message))) {
    case Outbox::State::gone:
      return remove(client);
    case Outbox::State::stalled:
      return receiver_.stalled({client});
    default:
      return;
  }
}

Outbox::Sent SocketThread::try_send(ClientId client, wire::Bytes& message) {
  const Peer* peer = peers_.find(client);
  if (!peer) return Outbox::Sent::gone;
  if (*peer->unsent > max_unsent_bytes) return Outbox::Sent::blocked;
  const auto begun = try_begin(peer->routing_id, peer->delimiter);
  if (begun != Outbox::Sent::yes) return begun;
  // ZeroMQ gives the bytes back when they were sent.
  auto counted = std::make_unique<CountedBytes>(CountedBytes{std::move(message), peer->unsent});
  *counted->unsent += counted->bytes.size();
  zmq::message_t frame(
      counted->bytes.data(), counted->bytes.size(),
      [](void*, void* hint) {
        const std::unique_ptr<CountedBytes> sent(static_cast<CountedBytes*>(hint));
        *sent->unsent -= sent->bytes.size();
      },
      counted.get());
  counted.release();
  router_.send(std::move(frame), zmq::send_flags::none);
  return Outbox::Sent::yes;
}

Outbox::Sent SocketThread::try_begin(const std::string& routing_id, bool delimiter) {
  using zmq::send_flags;
  try {
    // The first frame takes the place in the queue; those after it cannot fail.
    if (!router_.send(zmq::buffer(routing_id), send_flags::sndmore | send_flags::dontwait))
      return Outbox::Sent::blocked;
    if (delimiter) router_.send(zmq::message_t(), send_flags::sndmore);
    return Outbox::Sent::yes;
  } catch (const zmq::error_t& error) {
    if (error.num() == EHOSTUNREACH) return Outbox::Sent::gone;
    throw;
  }
}

/// What the gateway said until now goes out, and the blocked get a second.
void SocketThread::finish() {
  read_outgoing();
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  while (outbox_.blocked() && Clock::now() < deadline) {
    std::this_thread::sleep_for(retry_time);
    outbox_.retry();
  }
}

// ---- From clients ------------------------------------------------------------------------------

void SocketThread::read_incoming() {
  for (int i = 0; i < messages_at_once && *unread_ <= max_unread_bytes; ++i)
    if (!read_message()) return;
}

/// A routing id, perhaps an empty delimiter, and one frame. What has more of them is read and
/// thrown away.
bool SocketThread::read_message() {
  zmq::message_t id, frame;
  if (!router_.recv(id, zmq::recv_flags::dontwait)) return false;
  const std::string routing_id = to_text(id);
  if (!id.more()) return true;
  (void)router_.recv(frame);
  const bool delimiter = frame.size() == 0 && frame.more();
  if (delimiter) (void)router_.recv(frame);
  if (!frame.more()) {
    receive(routing_id, frame, delimiter);
    return true;
  }
  while (frame.more()) (void)router_.recv(frame);
  refuse(routing_id, "a message is one frame, with at most an empty one before it", delimiter);
  return true;
}

void SocketThread::receive(const std::string& routing_id, zmq::message_t& payload, bool delimiter) {
  if (!is_automatic_routing_id(routing_id))
    return refuse(routing_id, "a client must not choose its own routing id", delimiter);
  Peer* peer = peers_.find(routing_id);
  if (!peer) peer = identify_peer(routing_id, payload);
  if (!peer) return;
  peer->delimiter = delimiter;
  auto message = std::make_shared<ClientMessage>();
  message->from = peer->info;
  message->bytes = counted_copy(payload, unread_);
  receiver_.message(std::move(message));
}

Peer* SocketThread::identify_peer(const std::string& routing_id, zmq::message_t& message) {
  // Who had the descriptor before has to be known as gone.
  read_monitor();
  if (peers_.is_dead(routing_id)) return nullptr;
  const char* address = zmq_msg_gets(message.handle(), peer_address_property);
  return &peers_.add(routing_id, zmq_msg_get(message.handle(), ZMQ_SRCFD),
                     identify(address ? address : "", options_.admin_group));
}

void SocketThread::refuse(const std::string& routing_id, const char* why, bool delimiter) {
  const wire::Error error = {wire::ErrorCode::bad_message, why, {}, {}};
  const wire::Bytes bytes = wire::encode(wire::Event{{}, error});
  if (try_begin(routing_id, delimiter) == Outbox::Sent::yes)
    router_.send(zmq::message_t(bytes.data(), bytes.size()), zmq::send_flags::none);
}

// ---- The end of clients ------------------------------------------------------------------------

void SocketThread::read_monitor() {
  zmq::message_t event, address;
  while (monitor_.recv(event, zmq::recv_flags::dontwait)) {
    (void)monitor_.recv(address);
    // zmq_socket_monitor(3): the event's number in 16 bits, its value (the descriptor) in 32.
    std::int32_t fd = -1;
    std::memcpy(&fd, static_cast<const char*>(event.data()) + sizeof(std::uint16_t), sizeof fd);
    for (const ClientId client : peers_.with_fd(fd)) remove(client);
  }
}

void SocketThread::remove(ClientId client) {
  if (!peers_.find(client)) return;
  outbox_.forget(client);
  peers_.remove(client);
  receiver_.gone({client});
}

}  // namespace nanoflow
