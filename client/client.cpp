#include "client/client.hpp"

#include <cerrno>
#include <cstring>

#include "client/connection.hpp"

namespace nanoflow {
namespace {

std::string describe(const std::vector<NoDaemon::Attempt>& attempts) {
  std::string text = "no daemon answers";
  for (const auto& [endpoint, error] : attempts) {
    text += "\n  " + endpoint + ": ";
    switch (error) {
      case ENOENT:
        text += "nothing there";
        break;
      case ECONNREFUSED:
        text += "nobody listens (its daemon has ended)";
        break;
      case EACCES:
        text += "permission denied";
        break;
      case ETIMEDOUT:
        text += "connected, but no ZeroMQ answer";
        break;
      case EPROTO:
        text += "the handshake failed (wrong keys, or not ZeroMQ)";
        break;
      default:
        text += std::strerror(error);
    }
  }
  return text;
}

std::unique_ptr<Connection> connect(const std::string& endpoint) {
  if (!endpoint.empty()) return std::make_unique<Connection>(endpoint);
  std::vector<NoDaemon::Attempt> attempts;
  for (const std::string& candidate : wire::default_endpoints()) {
    try {
      return std::make_unique<Connection>(candidate);
    } catch (const NoDaemon& failed) {  // a stale user socket must not hide the system's
      attempts.insert(attempts.end(), failed.attempts.begin(), failed.attempts.end());
    }
  }
  throw NoDaemon(std::move(attempts));
}

bool is_last(const wire::EventBody& body) {
  return std::holds_alternative<wire::Done>(body) || std::holds_alternative<wire::Ok>(body) ||
         std::holds_alternative<wire::Error>(body);
}

}  // namespace

NoDaemon::NoDaemon(std::vector<Attempt> tried)
    : ConnectionLost(describe(tried)), attempts(std::move(tried)) {}

bool NoDaemon::forbidden() const {
  for (const Attempt& attempt : attempts)
    if (attempt.error == EACCES) return true;
  return false;
}

struct Client::Impl {
  explicit Impl(const std::string& endpoint) : connection(connect(endpoint)) {}

  /// Waits for the request's last event; the others go to on_event.
  wire::EventBody finish(Client& client, const wire::RequestId& id, const OnEvent& on_event) {
    bool cancelled = false;
    while (true) {
      std::optional<wire::Event> event = receive(std::nullopt, cancelled ? -1 : interrupt_fd);
      if (!event) {  // interrupted: ask for the end, then wait for it
        client.cancel(id);
        cancelled = true;
        continue;
      }
      const auto* error = std::get_if<wire::Error>(&event->body);
      if (!event->id && error) throw RequestFailed(*error);  // not even our id could be read
      if (event->id != id) continue;  // the answer to a cancel, or of a request given up earlier
      if (error) throw RequestFailed(*error);
      if (is_last(event->body)) return std::move(event->body);
      if (on_event) on_event(event->body);
    }
  }

  std::optional<wire::Event> receive(std::optional<std::chrono::milliseconds> timeout,
                                     int interrupt) {
    const auto bytes = connection->receive(timeout, interrupt);
    if (!bytes) return std::nullopt;
    return wire::decode_event(*bytes);
  }

  std::unique_ptr<Connection> connection;
  std::uint64_t last_id = 0;
  int interrupt_fd = -1;
};

Client::Client(const std::string& endpoint) : impl_(std::make_unique<Impl>(endpoint)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

wire::Done Client::generate(const wire::Generate& request, const OnEvent& on_event) {
  auto last = impl_->finish(*this, send(request), on_event);
  if (auto* done = std::get_if<wire::Done>(&last)) return std::move(*done);
  throw std::runtime_error("the daemon ended a generate request with ok");
}

wire::Json Client::request(const wire::Operation& operation, const OnEvent& on_progress) {
  auto last = impl_->finish(*this, send(operation), on_progress);
  if (auto* ok = std::get_if<wire::Ok>(&last)) return std::move(ok->fields);
  throw std::runtime_error("the daemon ended a request with done where ok was due");
}

wire::RequestId Client::send(const wire::Operation& operation) {
  const wire::RequestId id = ++impl_->last_id;
  const wire::Bytes message = wire::encode(wire::Request{id, operation});
  if (message.size() > wire::max_message_bytes)
    throw RequestFailed({wire::ErrorCode::bad_message,
                         "the request has " + std::to_string(message.size()) +
                             " bytes, the limit is " + std::to_string(wire::max_message_bytes),
                         {},
                         {}});
  impl_->connection->send(message);
  return id;
}

std::optional<wire::Event> Client::receive(std::optional<std::chrono::milliseconds> timeout) {
  return impl_->receive(timeout, impl_->interrupt_fd);
}

void Client::cancel(const wire::RequestId& target) {
  send(wire::Cancel{target});
}
void Client::set_interrupt_fd(int fd) {
  impl_->interrupt_fd = fd;
}
const std::string& Client::endpoint() const {
  return impl_->connection->endpoint;
}

}  // namespace nanoflow
