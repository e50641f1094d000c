#include "actors/sessions.hpp"

#include <boost/test/unit_test.hpp>

namespace nanoflow {
namespace {

LiveRequest request_of(ClientId client, std::uint32_t uid, std::uint64_t id, RequestId number) {
  LiveRequest request;
  request.owner.client = client;
  request.owner.uid = uid;
  request.id = id;
  request.number = number;
  return request;
}

ClientInfo client_of(ClientId client, std::uint32_t uid) {
  ClientInfo info;
  info.client = client;
  info.uid = uid;
  return info;
}

wire::RequestId id(std::uint64_t number) {
  return number;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sessions)

BOOST_AUTO_TEST_CASE(know_an_id_as_taken_while_its_request_lives) {
  Sessions sessions;
  sessions.add(request_of(1, 1000, 5, 77));
  BOOST_TEST(!sessions.is_free(1, id(5)));
  BOOST_TEST(sessions.is_free(2, id(5)));
  sessions.erase(77);
  BOOST_TEST(sessions.is_free(1, id(5)));
}

BOOST_AUTO_TEST_CASE(find_a_target_by_own_id_first_then_by_number_of_the_same_user) {
  Sessions sessions;
  sessions.add(request_of(1, 1000, 5, 77));
  sessions.add(request_of(2, 1000, 9, 5));
  BOOST_TEST(sessions.find_target(client_of(1, 1000), id(5))->number == 77u);
  BOOST_TEST(sessions.find_target(client_of(3, 1000), id(77))->number == 77u);
  BOOST_TEST(!sessions.find_target(client_of(3, 2000), id(77)));
  BOOST_TEST(!sessions.find_target(client_of(3, unknown_uid), id(77)));
  BOOST_TEST(!sessions.find_target(client_of(3, 1000), id(78)));
}

BOOST_AUTO_TEST_CASE(do_not_let_strangers_over_tcp_end_each_others_requests) {
  Sessions sessions;
  sessions.add(request_of(1, unknown_uid, 5, 77));
  BOOST_TEST(!sessions.find_target(client_of(2, unknown_uid), id(77)));
  BOOST_TEST(sessions.find_target(client_of(1, unknown_uid), id(5)));
}

BOOST_AUTO_TEST_CASE(answer_a_question_once_and_not_to_the_gone) {
  Sessions sessions;
  const auto first = sessions.ask(1, id(3)), second = sessions.ask(1, id(4));
  BOOST_TEST(!sessions.is_free(1, id(3)));
  BOOST_TEST(sessions.answered(first.value()).has_value());
  BOOST_TEST(!sessions.answered(first.value()).has_value());
  BOOST_TEST(sessions.is_free(1, id(3)));
  sessions.client_gone(1);
  BOOST_TEST(!sessions.answered(second.value()).has_value());
}

BOOST_AUTO_TEST_CASE(bound_the_questions) {
  Sessions sessions;
  for (std::size_t i = 0; i < Sessions::max_questions; ++i)
    BOOST_REQUIRE(sessions.ask(1, id(i)).has_value());
  BOOST_TEST(!sessions.ask(1, id(Sessions::max_questions)).has_value());
}

BOOST_AUTO_TEST_CASE(keep_a_gone_clients_requests_until_they_end) {
  Sessions sessions;
  sessions.add(request_of(1, 1000, 5, 77));
  sessions.client_gone(1);
  BOOST_TEST(sessions.of_client(1).size() == 1u);
  BOOST_TEST(!sessions.empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
