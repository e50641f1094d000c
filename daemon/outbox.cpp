#include "daemon/outbox.hpp"

namespace nanoflow {

Outbox::State Outbox::send(ClientId client, wire::Bytes message) {
  auto found = queues_.find(client);
  if (found == queues_.end()) {
    const Sent sent = try_send_(client, message);
    if (sent != Sent::blocked) return sent == Sent::yes ? State::sent : State::gone;
    found = queues_.try_emplace(client).first;
  }
  Queue& queue = found->second;
  if (queue.bytes + message.size() > limits_.hard_bytes) return State::queued;
  queue.bytes += message.size();
  queue.messages.push_back(std::move(message));
  if (queue.stalled || queue.bytes <= limits_.soft_bytes) return State::queued;
  queue.stalled = true;
  return State::stalled;
}

std::vector<ClientId> Outbox::retry() {
  std::vector<ClientId> gone;
  for (auto entry = queues_.begin(); entry != queues_.end();) {
    auto& [client, queue] = *entry;
    Sent sent = Sent::yes;
    while (!queue.messages.empty()) {
      const std::size_t size = queue.messages.front().size();
      sent = try_send_(client, queue.messages.front());
      if (sent != Sent::yes) break;
      queue.bytes -= size;
      queue.messages.pop_front();
    }
    if (sent == Sent::gone) gone.push_back(client);
    entry = sent == Sent::blocked ? std::next(entry) : queues_.erase(entry);
  }
  return gone;
}

}  // namespace nanoflow
