// The socket thread against real sockets: who is heard, who is refused, and whose end is noticed.
#include "daemon/socket_thread.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "daemon/config.hpp"

namespace nanoflow {
namespace {

using namespace std::chrono_literals;

/// Everything it heard, and an answer to each message: its own bytes.
struct Listener {
  Listener() : socket({{endpoint, "", false, ""}, "no-such-group"}) {
    socket.start(
        {[this](std::shared_ptr<const ClientMessage> message) {
           note([&] { messages.push_back(message); });
           if (echo) socket.send(message->from.client, *message->bytes);
         },
         [this](ClientGone client) { note([&] { gone.push_back(client.client); }); },
         [this](ClientStalled client) { note([&] { stalled.push_back(client.client); }); }});
  }
  template <class Change>
  void note(Change change) {
    const std::lock_guard lock(mutex);
    change();
    changed.notify_all();
  }
  template <class Condition>
  bool eventually(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 10s, condition);
  }
  static std::string new_folder() {
    char name[] = "/tmp/nanoflow-socket-XXXXXX";
    return mkdtemp(name);
  }

  std::string folder = new_folder(), endpoint = "ipc://" + folder + "/daemon.sock";
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::shared_ptr<const ClientMessage>> messages;
  std::vector<ClientId> gone, stalled;
  bool echo = true;
  SocketThread socket;
};

struct Client {
  explicit Client(const Listener& listener, zmq::socket_type type = zmq::socket_type::dealer)
      : socket(context, type) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::rcvtimeo, 10000);
    socket.connect(listener.endpoint);
  }
  void send(std::initializer_list<std::string> frames) {
    std::size_t left = frames.size();
    for (const std::string& frame : frames)
      socket.send(zmq::buffer(frame), --left ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
  std::string receive() {
    zmq::message_t frame;
    if (!socket.recv(frame)) return "(nothing came)";
    return frame.to_string();
  }
  zmq::context_t context{1};
  zmq::socket_t socket;
};

wire::Error error_in(const std::string& bytes) {
  return std::get<wire::Error>(
      wire::decode_event(std::as_bytes(std::span(bytes.data(), bytes.size()))).body);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(the_socket_thread)

BOOST_AUTO_TEST_CASE(hears_and_answers_and_knows_the_user) {
  Listener listener;
  Client client(listener);
  client.send({"hello"});
  BOOST_TEST(client.receive() == "hello");
  BOOST_TEST(listener.messages.at(0)->from.uid == geteuid());
  struct stat info = {};
  stat((listener.folder + "/daemon.sock").c_str(), &info);
  BOOST_TEST((info.st_mode & 077) == 0u);  // nobody else may open it
}

BOOST_AUTO_TEST_CASE(gives_an_empty_delimiter_back) {
  Listener listener;
  Client client(listener, zmq::socket_type::req);
  client.send({"hello"});
  BOOST_TEST(client.receive() == "hello");
}

BOOST_AUTO_TEST_CASE(refuses_a_message_of_many_frames_and_goes_on) {
  Listener listener;
  Client client(listener);
  client.send({"a", "b", "c", "d"});
  BOOST_TEST(bool(error_in(client.receive()).code == wire::ErrorCode::bad_message));
  client.send({"hello"});
  BOOST_TEST(client.receive() == "hello");
  BOOST_TEST(listener.messages.size() == 1u);
}

BOOST_AUTO_TEST_CASE(refuses_a_client_that_chose_its_routing_id) {
  Listener listener;
  zmq::context_t context(1);
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::routing_id, "me");
  socket.set(zmq::sockopt::rcvtimeo, 10000);
  socket.connect(listener.endpoint);
  socket.send(zmq::str_buffer("hello"), zmq::send_flags::none);
  zmq::message_t answer;
  BOOST_REQUIRE(socket.recv(answer));
  BOOST_TEST(error_in(answer.to_string()).message.find("routing id") != std::string::npos);
  BOOST_TEST(listener.messages.empty());
}

BOOST_AUTO_TEST_CASE(notices_the_end_of_a_client_and_not_of_its_neighbour) {
  Listener listener;
  Client neighbour(listener);
  neighbour.send({"hello"});
  neighbour.receive();
  {
    Client client(listener);
    client.send({"hello"});
    client.receive();
  }
  BOOST_TEST(listener.eventually([&] { return !listener.gone.empty(); }));
  BOOST_TEST(listener.gone.at(0) == listener.messages.at(1)->from.client);
  neighbour.send({"still here"});
  BOOST_TEST(neighbour.receive() == "still here");
}

BOOST_AUTO_TEST_CASE(reports_a_client_that_does_not_read) {
  Listener listener;
  listener.echo = false;
  Client client(listener);
  client.send({"hello"});
  BOOST_REQUIRE(listener.eventually([&] { return !listener.messages.empty(); }));
  const ClientId number = listener.messages[0]->from.client;
  // More than ZeroMQ's queues and the kernel's buffers hold, and then the outbox.
  for (int i = 0; i < 20000; ++i) listener.socket.send(number, wire::Bytes(4096));
  BOOST_TEST(listener.eventually([&] { return !listener.stalled.empty(); }));
  BOOST_TEST(listener.stalled.size() == 1u);
}

BOOST_AUTO_TEST_CASE(does_not_take_an_address_from_another_daemon) {
  Listener listener;
  BOOST_CHECK_EXCEPTION(SocketThread({{listener.endpoint, "", false, ""}, ""}), std::runtime_error,
                        [](const std::runtime_error& error) {
                          return std::string(error.what()).find("address in use") !=
                                 std::string::npos;
                        });
  Client client(listener);
  client.send({"hello"});
  BOOST_TEST(client.receive() == "hello");
}

BOOST_AUTO_TEST_CASE(is_not_open_to_other_machines_without_a_key) {
  for (const char* uri : {"tcp://0.0.0.0:0", "tcp://*:5555", "tcp://192.0.2.1:5555"})
    BOOST_CHECK_THROW(SocketThread({{uri, "", false, ""}, ""}), ConfigError);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
