#include "daemon/outbox.hpp"

#include <boost/test/unit_test.hpp>
#include <map>

namespace nanoflow {
namespace {

/// Clients that read when a test lets them.
struct Wire {
  std::map<ClientId, std::vector<std::size_t>> read;
  std::map<ClientId, Outbox::Sent> state;
  Outbox outbox{[this](ClientId client, const wire::Bytes& message) {
                  const auto found = state.find(client);
                  const auto sent = found == state.end() ? Outbox::Sent::yes : found->second;
                  if (sent == Outbox::Sent::yes) read[client].push_back(message.size());
                  return sent;
                },
                {.soft_bytes = 100, .hard_bytes = 150}};
};

using State = Outbox::State;

}  // namespace

BOOST_AUTO_TEST_SUITE(outbox)

BOOST_AUTO_TEST_CASE(keeps_the_order_of_what_waits) {
  Wire wire;
  wire.state[1] = Outbox::Sent::blocked;
  BOOST_TEST(bool(wire.outbox.send(1, wire::Bytes(1)) == State::queued));
  wire.state[1] = Outbox::Sent::yes;
  BOOST_TEST(bool(wire.outbox.send(1, wire::Bytes(2)) == State::queued));
  wire.outbox.retry();
  BOOST_TEST(bool(wire.outbox.send(1, wire::Bytes(3)) == State::sent));
  BOOST_TEST(wire.read[1] == (std::vector<std::size_t>{1, 2, 3}), boost::test_tools::per_element());
  BOOST_TEST(!wire.outbox.blocked());
}

BOOST_AUTO_TEST_CASE(calls_a_client_stalled_once_and_has_room_for_last_words) {
  Wire wire;
  wire.state[1] = Outbox::Sent::blocked;
  BOOST_TEST(bool(wire.outbox.send(1, wire::Bytes(90)) == State::queued));
  BOOST_TEST(bool(wire.outbox.send(1, wire::Bytes(20)) == State::stalled));
  BOOST_TEST(bool(wire.outbox.send(1, wire::Bytes(30)) == State::queued));
  BOOST_TEST(bool(wire.outbox.send(1, wire::Bytes(20)) == State::queued));  // dropped
  wire.state[1] = Outbox::Sent::yes;
  wire.outbox.retry();
  BOOST_TEST(wire.read[1] == (std::vector<std::size_t>{90, 20, 30}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(lets_nobody_wait_for_another) {
  Wire wire;
  wire.state[1] = Outbox::Sent::blocked;
  wire.outbox.send(1, wire::Bytes(1));
  BOOST_TEST(bool(wire.outbox.send(2, wire::Bytes(1)) == State::sent));
}

BOOST_AUTO_TEST_CASE(reports_who_is_gone) {
  Wire wire;
  wire.state[1] = Outbox::Sent::gone;
  BOOST_TEST(bool(wire.outbox.send(1, wire::Bytes(1)) == State::gone));
  wire.state[1] = Outbox::Sent::blocked;
  wire.outbox.send(1, wire::Bytes(1));
  wire.state[1] = Outbox::Sent::gone;
  BOOST_TEST(wire.outbox.retry() == std::vector<ClientId>{1}, boost::test_tools::per_element());
  BOOST_TEST(!wire.outbox.blocked());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
