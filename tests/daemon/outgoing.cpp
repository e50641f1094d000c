#include "daemon/outgoing.hpp"

#include <poll.h>

#include <boost/test/unit_test.hpp>
#include <thread>

namespace nanoflow {
namespace {

bool readable(const Outgoing& outgoing) {
  pollfd item{outgoing.fd(), POLLIN, 0};
  return poll(&item, 1, 0) == 1;
}

wire::Bytes bytes(int value) {
  return {std::byte(value)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(the_queue_to_the_socket_thread)

BOOST_AUTO_TEST_CASE(is_readable_while_something_waits) {
  Outgoing outgoing;
  Outgoing::Messages taken;
  BOOST_TEST(!readable(outgoing));
  outgoing.push(7, bytes(1));
  outgoing.push(8, bytes(2));
  BOOST_TEST(readable(outgoing));
  BOOST_TEST(outgoing.take(taken));
  BOOST_TEST(!readable(outgoing));
  BOOST_REQUIRE_EQUAL(taken.size(), 2u);
  BOOST_TEST(taken[0].first == 7u);
  BOOST_TEST(bool(taken[1].second == bytes(2)));
  outgoing.push(7, bytes(3));
  BOOST_TEST(readable(outgoing));
  BOOST_TEST(outgoing.take(taken));
  BOOST_TEST(taken.size() == 1u);
}

BOOST_AUTO_TEST_CASE(gives_what_was_said_before_the_stop) {
  Outgoing outgoing;
  Outgoing::Messages taken;
  outgoing.push(7, bytes(1));
  outgoing.stop();
  BOOST_TEST(readable(outgoing));
  BOOST_TEST(!outgoing.take(taken));
  BOOST_TEST(taken.size() == 1u);
}

/// A reader that waits whenever nothing is left, and loses nothing.
BOOST_AUTO_TEST_CASE(keeps_the_order_of_a_thread_and_wakes_the_reader) {
  constexpr int n = 20'000;
  Outgoing outgoing;
  std::jthread writer([&] {
    for (int i = 0; i < n; ++i) outgoing.push(static_cast<ClientId>(i), bytes(i));
    outgoing.stop();
  });
  Outgoing::Messages taken;
  ClientId next = 0;
  bool in_order = true;
  for (bool running = true; running;) {
    pollfd item{outgoing.fd(), POLLIN, 0};
    BOOST_REQUIRE(poll(&item, 1, 10'000) == 1);
    running = outgoing.take(taken);
    for (const auto& [client, message] : taken) in_order = in_order && client == next++;
  }
  BOOST_TEST(in_order);
  BOOST_TEST(next == ClientId(n));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
