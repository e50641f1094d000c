#include "actors/admissions.hpp"

#include <boost/test/unit_test.hpp>

namespace nanoflow {
namespace {

wire::Done done_after(double total_ms, double decode_ms, int tokens) {
  wire::Done done;
  done.timing.total_ms = total_ms;
  done.timing.decode_ms = decode_ms;
  done.choices.resize(1);
  done.choices[0].completion_tokens = tokens;
  return done;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admissions)

BOOST_AUTO_TEST_CASE(end_at_the_limit_of_each_model_and_begin_again_when_one_ends) {
  Admissions admissions({.max_sequences = 1, .max_waiting = 2});
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST(!admissions.refuse("a", {}).has_value());
    admissions.started("a");
  }
  const auto refused = admissions.refuse("a", {});
  BOOST_REQUIRE(refused.has_value());
  BOOST_TEST(bool(refused->code == wire::ErrorCode::overloaded));
  BOOST_TEST(refused->retry_after_ms.value() >= 100);
  BOOST_TEST(refused->message.find("limit is 3") != std::string::npos);
  BOOST_TEST(!admissions.refuse("b", {}).has_value());
  admissions.ended("a", nullptr);
  BOOST_TEST(!admissions.refuse("a", {}).has_value());
}

BOOST_AUTO_TEST_CASE(refuse_who_asks_for_more_speed_than_there_is) {
  Admissions admissions({});
  BOOST_TEST(!admissions.refuse("a", 1).has_value());  // nothing is known yet
  admissions.started("a");
  admissions.started("a");
  const wire::Done slow = done_after(10'000, 9'000, 10);
  for (int i = 0; i < 20; ++i) {
    admissions.started("a");
    admissions.ended("a", &slow);
  }
  BOOST_TEST(bool(admissions.refuse("a", 50).value().code == wire::ErrorCode::too_slow));
  BOOST_TEST(!admissions.refuse("a", 2000).has_value());
  admissions.ended("a", nullptr);
  admissions.ended("a", nullptr);
  BOOST_TEST(!admissions.refuse("a", 50).has_value());  // idle: it would be fast now
}

BOOST_AUTO_TEST_CASE(bound_the_text_that_waits_for_a_tokenizer) {
  Admissions admissions({});
  BOOST_TEST(admissions.has_room_for_text(Admissions::max_text_bytes));
  admissions.add_text(1);
  BOOST_TEST(!admissions.has_room_for_text(Admissions::max_text_bytes));
  admissions.remove_text(1);
  BOOST_TEST(admissions.has_room_for_text(Admissions::max_text_bytes));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
