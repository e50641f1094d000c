// Clients take turns: what each has asked for counts against its next request.
#include "engine/batch/fair_share.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/engine/batch/requests.hpp"

namespace nanoflow::test {

BOOST_AUTO_TEST_SUITE(fair_share)

BOOST_AUTO_TEST_CASE(a_clients_requests_queue_behind_each_other_in_virtual_time) {
  FairShare share;
  BOOST_TEST(share.turn_of(1, 100) == 0);
  BOOST_TEST(share.turn_of(1, 50) == 100);
  BOOST_TEST(share.turn_of(1, 10) == 150);
  BOOST_TEST(share.turn_of(2, 30) == 0);
  share.started(100);
  BOOST_TEST(share.turn_of(3, 5) == 100);  // a new client has no claim on what is past
  BOOST_TEST(share.turn_of(2, 5) == 100);  // nor one that asked for little
  BOOST_TEST(share.turn_of(1, 5) == 160);
}

BOOST_AUTO_TEST_CASE(one_request_does_not_wait_for_a_hundred_of_another_client) {
  auto options = roomy;
  options.max_sequences = 1;
  Serving serving(options, false);
  for (int i = 1; i <= 20; ++i) {
    auto many = request(static_cast<RequestId>(i), 8, 8, i);
    many.client = 1;
    serving.admit(many);
  }
  auto one = request(100, 8, 8, 50);
  one.client = 2;
  serving.admit(one);
  const auto order = order_of(serving.batcher);
  BOOST_TEST(order.front() == 1);
  BOOST_TEST(order[1] == 100);
  serving.drain();
}

BOOST_AUTO_TEST_CASE(priority_goes_before_turns) {
  Serving serving(roomy, false);
  for (const RequestId id : {1, 2, 3}) {
    auto own = request(id, 8, 8, static_cast<int>(id));
    own.client = 1;
    own.priority = id == 3 ? 1 : 0;
    serving.admit(own);
  }
  auto other = request(4, 8, 8, 50);
  other.client = 2;
  serving.admit(other);
  const auto order = order_of(serving.batcher);
  BOOST_TEST(order == (std::vector<RequestId>{3, 1, 4, 2}), boost::test_tools::per_element());
  serving.drain();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow::test
