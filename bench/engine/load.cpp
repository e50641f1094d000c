#include "bench/engine/load.hpp"

#include <sys/resource.h>

#include <cstdio>
#include <vector>

#include <zmq.hpp>

namespace nanoflow::bench {
namespace {

constexpr auto wait_time = std::chrono::milliseconds(100);  // before looking whether to stop
constexpr int prompt_tokens = 16;

class LoadClient {
 public:
  LoadClient(zmq::context_t& context, const std::string& endpoint, const LoadOptions& options)
      : socket(context, zmq::socket_type::dealer) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvhwm, 0);
    socket.connect(endpoint);
    generate_.input = std::vector<wire::Token>(prompt_tokens, 1000);
    generate_.sampling.max_tokens = options.answer_tokens;
    generate_.sampling.temperature = 0;
    generate_.sampling.ignore_eos = true;
  }
  void send_request() {
    const auto bytes = wire::encode(wire::Request{next_id_++, generate_});
    socket.send(zmq::const_buffer(bytes.data(), bytes.size()), zmq::send_flags::none);
  }

  zmq::socket_t socket;

 private:
  wire::Generate generate_;
  std::uint64_t next_id_ = 1;
};

}  // namespace

Load::Load(const std::string& endpoint, const LoadOptions& options)
    : endpoint_(endpoint), options_(options), thread_([this] { run(); }) {}

void Load::run() {
  zmq::context_t context(1);
  context.set(zmq::ctxopt::max_sockets, options_.n_clients + 1);
  std::vector<LoadClient> clients;
  std::vector<zmq::pollitem_t> items;
  for (int i = 0; i < options_.n_clients; ++i) {
    auto& client = clients.emplace_back(context, endpoint_, options_);
    items.push_back({client.socket.handle(), 0, ZMQ_POLLIN, 0});
  }
  for (int i = 0; i < options_.n_live; ++i) clients[i % clients.size()].send_request();
  zmq::message_t message;
  while (!stopping_) {
    zmq::poll(items, wait_time);
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if ((items[i].revents & ZMQ_POLLIN) == 0) continue;
      while (clients[i].socket.recv(message, zmq::recv_flags::dontwait)) {
        const auto event =
            wire::decode_event({static_cast<const std::byte*>(message.data()), message.size()});
        ++n_events_;
        if (const auto* tokens = std::get_if<wire::Tokens>(&event.body))
          n_tokens_ += tokens->tokens.size();
        const auto* error = std::get_if<wire::Error>(&event.body);
        if (error && n_errors_++ == 0) std::fprintf(stderr, "error: %s\n", error->message.c_str());
        if (error || std::holds_alternative<wire::Done>(event.body)) clients[i].send_request();
      }
    }
  }
}

double Load::cpu_seconds() const {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace nanoflow::bench
