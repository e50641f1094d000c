// A ROUTER on a thread that answers as a test wants.
#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <zmq.hpp>

#include "client/protocol.hpp"
#include "tests/temporary_folder.hpp"

namespace nanoflow::test {

class FakeDaemon {
 public:
  /// What to send back for a request, at once and in this order.
  using Answer = std::function<std::vector<wire::EventBody>(const wire::Request&)>;

  /// With a CURVE secret key it listens on TCP, on a free port, and takes only clients that know
  /// its public key.
  explicit FakeDaemon(Answer answer, const std::string& secret_key = {})
      : answer_(std::move(answer)) {
    router_.set(zmq::sockopt::linger, 100);
    if (!secret_key.empty()) {
      router_.set(zmq::sockopt::curve_server, 1);
      router_.set(zmq::sockopt::curve_secretkey, secret_key);
    }
    router_.bind(secret_key.empty() ? "ipc://" + (folder.path / "daemon.sock").string()
                                    : "tcp://127.0.0.1:*");
    endpoint = router_.get(zmq::sockopt::last_endpoint);
    thread_ = std::jthread([this](std::stop_token stop) { serve(stop); });
  }
  ~FakeDaemon() { stop(); }
  /// As a daemon that ends: its connections break, and when this returns nobody listens any more,
  /// which closing the socket alone only begins.
  void stop() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    router_.close();
    context_.close();
  }

  TemporaryFolder folder;
  std::string endpoint;
  std::atomic<int> cancels = 0;

 private:
  void serve(std::stop_token stop) {
    while (!stop.stop_requested()) {
      zmq::pollitem_t item = {router_.handle(), 0, ZMQ_POLLIN, 0};
      zmq::poll(&item, 1, std::chrono::milliseconds(5));
      zmq::message_t peer, message;
      if (!router_.recv(peer, zmq::recv_flags::dontwait)) continue;
      (void)router_.recv(message);
      reply(peer, wire::decode_request(copy(message)));
    }
  }
  static wire::Bytes copy(const zmq::message_t& message) {
    const auto* data = static_cast<const std::byte*>(message.data());
    return {data, data + message.size()};
  }
  void reply(const zmq::message_t& peer, const std::variant<wire::Request, wire::Event>& decoded) {
    if (const auto* refused = std::get_if<wire::Event>(&decoded)) return send(peer, *refused);
    const auto& request = std::get<wire::Request>(decoded);
    if (const auto* cancel = std::get_if<wire::Cancel>(&request.operation)) {
      ++cancels;
      send(peer, {request.id, wire::Ok{}});
      wire::Done done;
      done.finish_reason = "cancelled";
      return send(peer, {cancel->target, done});
    }
    for (const wire::EventBody& body : answer_(request)) send(peer, {request.id, body});
  }
  void send(const zmq::message_t& peer, const wire::Event& event) {
    router_.send(zmq::const_buffer(peer.data(), peer.size()), zmq::send_flags::sndmore);
    const wire::Bytes bytes = wire::encode(event);
    router_.send(zmq::const_buffer(bytes.data(), bytes.size()), zmq::send_flags::none);
  }

  Answer answer_;
  zmq::context_t context_{1};
  zmq::socket_t router_{context_, zmq::socket_type::router};
  std::jthread thread_;
};

/// Two pieces of text and an end.
inline std::vector<wire::EventBody> short_answer() {
  wire::Tokens first, second;
  first.tokens = {1, 2};
  first.text = "Hello";
  second.index = 2;
  second.tokens = {3};
  second.text = " world";
  wire::Done done;
  done.finish_reason = "stop";
  done.usage = {4, 0, 3};
  return {wire::Accepted{4}, first, second, done};
}

}  // namespace nanoflow::test
