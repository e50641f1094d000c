#include "daemon/peers.hpp"

#include <unistd.h>

#include <boost/test/unit_test.hpp>

namespace nanoflow {

BOOST_AUTO_TEST_SUITE(peers)

BOOST_AUTO_TEST_CASE(are_who_the_kernel_says) {
  const ClientInfo root = identify("localhost:0:0:4711", "no-such-group");
  BOOST_TEST(root.uid == 0u);
  BOOST_TEST(root.user == "root");
  BOOST_TEST(root.admin);
  const std::string own = "localhost:" + std::to_string(geteuid()) + ":0:1";
  BOOST_TEST(identify(own, "no-such-group").admin);
  const ClientInfo stranger = identify("localhost:54321:0:1", "no-such-group");
  BOOST_TEST(stranger.uid == 54321u);
  BOOST_TEST(stranger.user == "uid 54321");
  BOOST_TEST(!stranger.admin);
}

BOOST_AUTO_TEST_CASE(over_tcp_are_nobody) {
  for (const char* address : {"", "127.0.0.1", "::1", "fe80::1", "localhost"}) {
    const ClientInfo info = identify(address, "root");
    BOOST_TEST(info.uid == unknown_uid);
    BOOST_TEST(!info.admin);
    BOOST_TEST(info.user == "tcp");
  }
}

BOOST_AUTO_TEST_CASE(that_chose_their_routing_id_are_known) {
  using namespace std::string_view_literals;
  BOOST_TEST(is_automatic_routing_id("\0abcd"sv));
  BOOST_TEST(!is_automatic_routing_id("abcde"sv));
  BOOST_TEST(!is_automatic_routing_id("\0abcde"sv));
  BOOST_TEST(!is_automatic_routing_id(""sv));
}

BOOST_AUTO_TEST_CASE(end_with_their_descriptor_and_stay_dead) {
  Peers peers;
  const ClientId first = peers.add("a", 10, {}).info.client;
  const ClientId second = peers.add("b", 11, {}).info.client;
  BOOST_TEST(peers.with_fd(10) == std::vector<ClientId>{first}, boost::test_tools::per_element());
  peers.remove(first);
  BOOST_TEST(peers.with_fd(10).empty());
  BOOST_TEST(peers.is_dead("a"));
  BOOST_TEST(!peers.find("a"));
  // The next client gets the descriptor, and a number of its own.
  const ClientId third = peers.add("c", 10, {}).info.client;
  BOOST_TEST(third != first);
  BOOST_TEST(peers.find(second)->routing_id == "b");
  BOOST_TEST(peers.size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
