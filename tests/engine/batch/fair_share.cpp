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

BOOST_AUTO_TEST_CASE(what_a_request_did_not_use_is_given_back_at_its_end) {
  FairShare share;
  BOOST_TEST(share.turn_of(1, 100) == 0);
  BOOST_TEST(share.turn_of(1, 50) == 100);
  share.ended(1, 0, 90);  // the first used 10 of 100: both together have 60
  BOOST_TEST(share.turn_of(1, 20) == 60);
  share.ended(1, 100, 50);  // cancelled while it waited: 10 + 20 are left
  BOOST_TEST(share.turn_of(1, 1) == 30);
  BOOST_TEST(share.turn_of(2, 1) == 0);  // nobody else's account changes
  share.started(500);
  share.ended(1, 30, 1);  // client 1 is at 30, but what is past is past
  BOOST_TEST(share.turn_of(1, 5) == 500);
}

BOOST_AUTO_TEST_CASE(what_lost_its_claim_already_is_not_given_back_a_second_time) {
  FairShare share;
  BOOST_TEST(share.turn_of(1, 100) == 0);
  share.started(1000);  // the 100 tokens are long past
  BOOST_TEST(share.turn_of(1, 30) == 1000);
  share.ended(1, 0, 90);
  BOOST_TEST(share.turn_of(1, 5) == 1030);  // not 940
  for (std::uint64_t client = 2; client < 100; ++client) share.turn_of(client, 1);
  share.started(2000);  // all are forgotten
  share.ended(1, 1000, 20);
  BOOST_TEST(share.turn_of(1, 5) == 2000);
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

BOOST_AUTO_TEST_CASE(a_request_counts_with_the_tokens_that_were_computed_for_it) {
  auto options = roomy;
  options.max_sequences = 1;
  Serving serving(options, true);
  const auto admit = [&](RequestId id, std::uint64_t client, int n_prompt, int max_tokens) {
    auto own = request(id, n_prompt, max_tokens);
    own.client = client;
    serving.admit(own);
  };
  admit(1, 1, 40, 400);
  admit(2, 1, 40, 400);  // never starts
  while (serving.seen.at(1).tokens[0].size() < 5) serving.turn();
  serving.cancel(2);
  serving.cancel(1);    // client 1 is at 45, not at 880
  admit(3, 2, 40, 4);   // at 0, and 32 of its prompt are cached
  serving.drain();      // client 2 is at 12, not at 44
  admit(4, 3, 10, 10);  // at 0
  admit(5, 3, 10, 10);  // at 20
  admit(6, 3, 10, 10);  // at 40
  admit(7, 3, 10, 10);  // at 60
  admit(8, 2, 10, 10);  // at 12
  admit(9, 1, 10, 10);  // at 45
  const auto order = order_of(serving.batcher);
  BOOST_TEST(order == (std::vector<RequestId>{4, 8, 5, 6, 9, 7}), boost::test_tools::per_element());
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
