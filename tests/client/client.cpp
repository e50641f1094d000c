#include "client/client.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstring>
#include <mutex>

#include "tests/client/fake_daemon.hpp"

namespace {

using namespace nanoflow;
using namespace std::chrono_literals;
using test::FakeDaemon;

double seconds_of(const std::function<void()>& action) {
  const auto start = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// A socket file that nobody listens on any more, as a killed daemon leaves it.
void leave_stale_socket(const std::filesystem::path& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  BOOST_REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  close(fd);
}

wire::Generate prompt(const std::string& text) {
  wire::Generate generate;
  generate.input = text;
  return generate;
}

BOOST_AUTO_TEST_SUITE(client)

BOOST_AUTO_TEST_CASE(generate_hands_out_every_event_and_returns_the_last) {
  std::mutex mutex;
  std::string asked;
  FakeDaemon daemon([&](const wire::Request& request) {
    const std::lock_guard lock(mutex);
    asked = std::get<std::string>(std::get<wire::Generate>(request.operation).input);
    return test::short_answer();
  });
  Client client(daemon.endpoint);
  std::string text;
  int events = 0;
  const wire::Done done = client.generate(prompt("Once"), [&](const wire::EventBody& event) {
    ++events;
    if (const auto* tokens = std::get_if<wire::Tokens>(&event)) text += tokens->text;
  });
  const std::lock_guard lock(mutex);
  BOOST_TEST(asked == "Once");
  BOOST_TEST(text == "Hello world");
  BOOST_TEST(events == 3);
  BOOST_TEST(done.finish_reason == "stop");
  BOOST_TEST(done.usage.completion_tokens == 3);
}

BOOST_AUTO_TEST_CASE(an_error_event_is_thrown_with_its_code) {
  FakeDaemon daemon([](const wire::Request&) -> std::vector<wire::EventBody> {
    wire::Error error;
    error.code = wire::ErrorCode::overloaded;
    error.message = "the queue is full";
    error.retry_after_ms = 40;
    return {error};
  });
  Client client(daemon.endpoint);
  try {
    client.request(wire::Ping{});
    BOOST_FAIL("nothing was thrown");
  } catch (const RequestFailed& failed) {
    BOOST_TEST(failed.what() == std::string("the queue is full"));
    BOOST_TEST(to_string(failed.error.code) == "overloaded");
    BOOST_TEST(*failed.error.retry_after_ms == 40);
  }
}

BOOST_AUTO_TEST_CASE(other_operations_return_the_fields_of_ok) {
  FakeDaemon daemon([](const wire::Request&) -> std::vector<wire::EventBody> {
    return {wire::Ok{{{"tokens", {1, 2}}}}};
  });
  Client client(daemon.endpoint);
  BOOST_TEST(client.request(wire::Tokenize{"", "x", true}).dump() == R"({"tokens":[1,2]})");
}

BOOST_AUTO_TEST_CASE(events_of_several_requests_are_told_apart_by_id) {
  FakeDaemon daemon([](const wire::Request&) { return test::short_answer(); });
  Client client(daemon.endpoint);
  const wire::RequestId first = client.send(prompt("a")), second = client.send(prompt("b"));
  BOOST_TEST((first != second));
  int done_first = 0, done_second = 0;
  while (done_first + done_second < 2) {
    const auto event = client.receive(5s);
    BOOST_REQUIRE(event.has_value());
    if (!std::holds_alternative<wire::Done>(event->body)) continue;
    done_first += event->id == first;
    done_second += event->id == second;
  }
  BOOST_TEST(done_first == 1);
  BOOST_TEST(done_second == 1);
}

BOOST_AUTO_TEST_CASE(an_interrupt_cancels_what_is_waited_for_once) {
  FakeDaemon daemon(
      [](const wire::Request&) -> std::vector<wire::EventBody> { return {wire::Accepted{1}}; });
  Client client(daemon.endpoint);
  int ends[2];
  BOOST_REQUIRE(pipe(ends) == 0);
  client.set_interrupt_fd(ends[0]);
  BOOST_REQUIRE(write(ends[1], "x", 1) == 1);
  BOOST_TEST(client.generate(prompt("x")).finish_reason == "cancelled");
  BOOST_TEST(daemon.cancels == 1);
  close(ends[0]);
  close(ends[1]);
}

BOOST_AUTO_TEST_CASE(a_daemon_that_ends_while_one_waits_is_noticed_at_once) {
  FakeDaemon daemon(
      [](const wire::Request&) -> std::vector<wire::EventBody> { return {wire::Accepted{1}}; });
  Client client(daemon.endpoint);
  std::jthread killer([&] {
    std::this_thread::sleep_for(100ms);
    daemon.stop();
  });
  const double waited =
      seconds_of([&] { BOOST_CHECK_THROW(client.generate(prompt("x")), ConnectionLost); });
  BOOST_TEST(waited < 1.0);
  killer.join();
  const double again =
      seconds_of([&] { BOOST_CHECK_THROW(client.request(wire::Ping{}), ConnectionLost); });
  BOOST_TEST(again < 0.1);
}

BOOST_AUTO_TEST_CASE(no_daemon_is_said_at_once_with_the_reason) {
  const test::TemporaryFolder folder;
  const std::string missing = (folder.path / "none.sock").string(),
                    stale = (folder.path / "stale.sock").string();
  leave_stale_socket(stale);
  const double waited = seconds_of([&] {
    BOOST_CHECK_EXCEPTION(Client("ipc://" + missing), NoDaemon, [](const NoDaemon& error) {
      return error.attempts.size() == 1 && error.attempts[0].error == ENOENT && !error.forbidden();
    });
    BOOST_CHECK_EXCEPTION(Client("ipc://" + stale), NoDaemon, [](const NoDaemon& error) {
      return error.attempts[0].error == ECONNREFUSED;
    });
    BOOST_CHECK_THROW(Client("tcp://127.0.0.1:1"), NoDaemon);
    BOOST_CHECK_THROW(Client("nonsense"), NoDaemon);
  });
  BOOST_TEST(waited < 1.0);
}

BOOST_AUTO_TEST_CASE(a_stale_user_socket_does_not_hide_another_daemon) {
  // The user's socket is stale, the system's is not there: both are named.
  const test::TemporaryFolder folder;
  leave_stale_socket(folder.path / "nanoflowd.sock");
  setenv("XDG_RUNTIME_DIR", folder.path.c_str(), 1);
  unsetenv("NANOFLOW_ENDPOINT");
  try {
    Client client;
    BOOST_TEST(client.endpoint() == wire::system_endpoint());  // a machine with the service running
  } catch (const NoDaemon& error) {
    BOOST_REQUIRE(error.attempts.size() == 2u);
    BOOST_TEST(error.attempts[0].error == ECONNREFUSED);
    BOOST_TEST(error.attempts[1].endpoint == wire::system_endpoint());
  }
  FakeDaemon daemon([](const wire::Request&) { return test::short_answer(); });
  setenv("NANOFLOW_ENDPOINT", daemon.endpoint.c_str(), 1);
  BOOST_TEST(Client().endpoint() == daemon.endpoint);
  unsetenv("NANOFLOW_ENDPOINT");
  unsetenv("XDG_RUNTIME_DIR");
}

BOOST_AUTO_TEST_CASE(endpoints_are_looked_for_in_the_documented_order) {
  setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
  BOOST_TEST(wire::default_endpoints() ==
                 (std::vector<std::string>{"ipc:///run/user/7/nanoflowd.sock",
                                           "ipc:///run/nanoflowd/nanoflowd.sock"}),
             boost::test_tools::per_element());
  unsetenv("XDG_RUNTIME_DIR");
  BOOST_TEST(wire::user_endpoint() ==
             "ipc:///tmp/nanoflowd-" + std::to_string(getuid()) + "/nanoflowd.sock");
  setenv("NANOFLOW_ENDPOINT", "tcp://127.0.0.1:5", 1);
  BOOST_TEST(wire::default_endpoints() == (std::vector<std::string>{"tcp://127.0.0.1:5"}),
             boost::test_tools::per_element());
  unsetenv("NANOFLOW_ENDPOINT");
}

BOOST_AUTO_TEST_CASE(a_peer_that_does_not_speak_zeromq_is_given_up) {
  const test::TemporaryFolder folder;
  const std::string path = (folder.path / "mute.sock").string();
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  BOOST_REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  BOOST_REQUIRE(listen(fd, 5) == 0);
  const double waited = seconds_of([&] { BOOST_CHECK_THROW(Client("ipc://" + path), NoDaemon); });
  BOOST_TEST(waited < 6.5);
  close(fd);
}

BOOST_AUTO_TEST_CASE(over_tcp_a_client_needs_the_daemons_public_key) {
  char public_key[41], secret_key[41], other_public[41], other_secret[41];
  BOOST_REQUIRE(zmq_curve_keypair(public_key, secret_key) == 0);
  BOOST_REQUIRE(zmq_curve_keypair(other_public, other_secret) == 0);
  FakeDaemon daemon([](const wire::Request&) { return test::short_answer(); }, secret_key);
  setenv("NANOFLOW_SERVER_KEY", public_key, 1);
  BOOST_TEST(Client(daemon.endpoint).generate(prompt("x")).finish_reason == "stop");
  setenv("NANOFLOW_SERVER_KEY", other_public, 1);
  BOOST_CHECK_THROW(Client{daemon.endpoint}, NoDaemon);
  setenv("NANOFLOW_SERVER_KEY", "no key", 1);
  BOOST_CHECK_THROW(Client{daemon.endpoint}, NoDaemon);
  unsetenv("NANOFLOW_SERVER_KEY");
  BOOST_CHECK_THROW(Client{daemon.endpoint}, NoDaemon);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
