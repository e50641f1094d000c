// How an executor runs steps, and what it does when a stream fails.
#include "tests/actors/scripted_executor.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

BOOST_AUTO_TEST_SUITE(executor)

namespace {

using Fixture = ScriptedExecutor;
using Numbers = std::vector<std::uint64_t>;

}  // namespace

BOOST_AUTO_TEST_CASE(the_next_step_is_ready_while_one_runs) {
  Fixture fixture(1);
  fixture.run_step(1);
  fixture.run_step(2);
  BOOST_TEST(fixture.model->prepared == (Numbers{1, 2}), boost::test_tools::per_element());
  BOOST_TEST(fixture.sent() == (Numbers{1, 2}), boost::test_tools::per_element());
  BOOST_TEST(fixture.answers.empty());
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_REQUIRE(fixture.answers.size() == 1u);
  BOOST_TEST(fixture.answers[0].result.number == 1u);
  BOOST_TEST(fixture.answers[0].failure.empty());
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_TEST(fixture.answers.size() == 2u);
}

BOOST_AUTO_TEST_CASE(the_leader_is_given_the_programs_of_all_streams_and_who_follows) {
  Fixture fixture(2);
  fixture.run_step(1);
  const auto& sent = *fixture.streams[0].programs->front().step;
  BOOST_REQUIRE_EQUAL(sent.programs.size(), 2u);
  BOOST_TEST(sent.programs[1]->stream == 1);
  BOOST_REQUIRE_EQUAL(sent.followers.size(), 1u);
  BOOST_TEST((sent.followers[0] == fixture.streams[1].actor));
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_TEST(fixture.answers.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_failure_loses_both_steps_once_nothing_of_them_runs) {
  Fixture fixture(1);
  fixture.run_step(1);
  fixture.run_step(2);
  fixture.streams[0].fail();
  fixture.world.run();
  BOOST_TEST(fixture.answers.empty());  // the other one is still there
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_REQUIRE(fixture.answers.size() == 2u);
  BOOST_TEST(fixture.answers[0].result.number + fixture.answers[1].result.number == 3u);
  for (const auto& answer : fixture.answers) BOOST_TEST(answer.failure == "it broke");
}

BOOST_AUTO_TEST_CASE(after_a_failure_steps_and_pings_wait_for_new_streams) {
  Fixture fixture(1);
  fixture.run_step(1);
  fixture.streams[0].fail();
  fixture.world.run();
  caf::anon_send(fixture.actor, recover_atom_v);
  fixture.run_step(2);
  BOOST_TEST(fixture.answers.size() == 1u);
  BOOST_TEST(fixture.model->prepared == (Numbers{1}), boost::test_tools::per_element());
  bool pong = false;
  fixture.world.system.spawn([&](caf::event_based_actor* self) {
    self->request(fixture.actor, caf::infinite, ping_atom_v).then([&](pong_atom) { pong = true; });
  });
  fixture.world.run();
  BOOST_TEST(!pong);

  std::vector<ScriptedStream> fresh;
  fresh.emplace_back(fixture.world);
  caf::anon_send(fixture.actor, streams_atom_v, Fixture::handles(fresh));
  fixture.world.run();
  BOOST_TEST(pong);
  BOOST_TEST(fresh[0].programs->size() == 1u);
  fresh[0].finish();
  fixture.world.run();
  BOOST_TEST(fixture.answers.size() == 2u);
  fixture.world.end(fresh[0].actor);
}

BOOST_AUTO_TEST_CASE(a_step_that_was_formed_before_the_failure_was_known_fails_as_well) {
  Fixture fixture(1);
  fixture.run_step(1);
  fixture.streams[0].fail();
  fixture.world.run();
  fixture.run_step(2);
  BOOST_REQUIRE(fixture.answers.size() == 2u);
  BOOST_TEST(fixture.answers[1].failure == "it broke");
  BOOST_TEST(fixture.model->prepared == (Numbers{1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_late_failure_of_a_replaced_stream_does_not_stop_the_new_one) {
  Fixture fixture(1);
  fixture.run_step(1);
  std::vector<ScriptedStream> fresh;
  fresh.emplace_back(fixture.world);
  caf::anon_send(fixture.actor, streams_atom_v, Fixture::handles(fresh));
  fixture.world.run();
  fixture.streams[0].fail();
  fixture.world.run();
  caf::anon_send(fixture.actor, recover_atom_v);
  fixture.run_step(2);
  BOOST_TEST(fixture.answers.size() == 1u);
  BOOST_TEST(fresh[0].programs->size() == 1u);
  fixture.world.end(fresh[0].actor);
}

BOOST_AUTO_TEST_SUITE_END()
