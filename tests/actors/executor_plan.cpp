// What an executor lets be measured, what it knows of its steps, and what it searches for.
#include "tests/actors/scripted_executor.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

BOOST_AUTO_TEST_SUITE(executor_plan)

namespace {

using Fixture = ScriptedExecutor;
using Numbers = std::vector<std::uint64_t>;

/// Programs that a stream gets which takes the place of one that failed.
std::size_t n_given_to_new_stream(Fixture& fixture) {
  std::vector<ScriptedStream> fresh;
  fresh.emplace_back(fixture.world);
  caf::anon_send(fixture.actor, streams_atom_v, Fixture::handles(fresh));
  fixture.world.run();
  const auto n_programs = fresh[0].programs->size();
  fixture.world.end(fresh[0].actor);
  return n_programs;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_probe_is_refused_while_a_step_is_in_flight_and_steps_wait_for_it) {
  Fixture fixture(1);
  fixture.run_step(1);
  std::vector<TimelinesPtr> measured;
  bool idle = false;
  const auto probe = [&] {
    fixture.world.system.spawn([&](caf::event_based_actor* self) {
      self->request(fixture.actor, caf::infinite, ProbePtr(std::make_shared<const Probe>(1)))
          .then([&](const TimelinesPtr& timelines) { measured.push_back(timelines); });
    });
    fixture.world.run();
  };
  probe();
  BOOST_REQUIRE_EQUAL(measured.size(), 1u);
  BOOST_TEST(!measured[0]);
  fixture.world.system.spawn([&](caf::event_based_actor* self) {
    self->request(fixture.actor, caf::infinite, idle_atom_v).then([&](pong_atom) { idle = true; });
  });
  fixture.world.run();
  BOOST_TEST(!idle);
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_TEST(idle);
  probe();
  BOOST_TEST(fixture.sent() == (Numbers{ScriptedModel::probe_number}),
             boost::test_tools::per_element());
  fixture.run_step(3);
  BOOST_TEST(fixture.sent().size() == 1u);
  fixture.streams[0].finish();
  fixture.world.run();
  BOOST_REQUIRE_EQUAL(measured.size(), 2u);
  BOOST_TEST(static_cast<bool>(measured[1]));
  BOOST_TEST(fixture.sent() == (Numbers{3}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_probe_waits_for_streams) {
  Fixture fixture(1);
  caf::anon_send(fixture.actor, streams_atom_v, Fixture::handles(fixture.streams));
  fixture.run_step(1);
  fixture.streams[0].fail();
  fixture.world.run();
  fixture.world.system.spawn([&](caf::event_based_actor* self) {
    self->request(fixture.actor, caf::infinite, ProbePtr(std::make_shared<const Probe>(1)))
        .then([](const TimelinesPtr&) {});
  });
  fixture.world.run();
  BOOST_TEST(fixture.sent().empty());
  BOOST_TEST(n_given_to_new_stream(fixture) == 1u);
}

BOOST_AUTO_TEST_CASE(a_probe_that_fails_is_answered_and_steps_go_on_with_new_streams) {
  Fixture fixture(1);
  bool failed = false;
  fixture.world.system.spawn([&](caf::event_based_actor* self) {
    self->request(fixture.actor, caf::infinite, ProbePtr(std::make_shared<const Probe>(1)))
        .then([](const TimelinesPtr&) { BOOST_ERROR("it ran"); },
              [&](const caf::error&) { failed = true; });
  });
  fixture.world.run();
  fixture.streams[0].fail();
  fixture.world.run();
  BOOST_TEST(failed);
  fixture.run_step(1);
  BOOST_TEST(fixture.sent().empty());
  BOOST_TEST(n_given_to_new_stream(fixture) == 1u);
}

BOOST_AUTO_TEST_CASE(the_plan_says_what_ran_and_how_long_it_took) {
  Fixture fixture(1);
  fixture.run_step(1);
  fixture.streams[0].finish();
  fixture.world.run();
  const auto plan = **ask<JsonPtr>(fixture.world, fixture.actor, plan_atom_v, true);
  BOOST_REQUIRE_EQUAL(plan.at("batches").size(), 1u);
  BOOST_TEST(plan.at("batches")[0].at("steps").get<int>() == 1);
  BOOST_TEST(plan.at("batches")[0].at("chosen").get<std::string>() == "sequential");
  BOOST_TEST(plan.at("tried")[0].at("steps").get<int>() == 1);
  BOOST_TEST(plan.at("orders").back().at("block").get<std::string>() == "epilogue");
  BOOST_TEST(plan.at("orders").back().at("launches").get<std::string>() ==
             "gather, lm_head, sample");
  BOOST_TEST(plan.at("ran").at("steps").get<int>() == 1);
  BOOST_TEST(!plan.contains("peaks"));  // nobody has measured them
}

BOOST_AUTO_TEST_CASE(the_plan_says_what_the_machine_can_do_at_most_once_that_is_measured) {
  Fixture fixture(1);
  Profile profile;
  profile.add_peaks({456e9, 31e9});
  caf::anon_send(fixture.actor, ProfilePtr(std::make_shared<const Profile>(profile)));
  fixture.world.run();
  const auto plan = **ask<JsonPtr>(fixture.world, fixture.actor, plan_atom_v, false);
  BOOST_TEST(plan.at("peaks").at("flops_per_s").get<double>() == 456e9);
  BOOST_TEST(plan.at("peaks").at("read_bytes_per_s").get<double>() == 31e9);
  BOOST_TEST(plan.at("peaks").at("weights").get<std::string>() == "f32");
  BOOST_TEST(!plan.contains("timelines"));  // only where it is explained
}

BOOST_AUTO_TEST_CASE(a_kind_of_batch_that_comes_often_gets_schedules_of_its_own) {
  Fixture fixture(2, 2);
  const auto schedules = [&] {
    return (**ask<JsonPtr>(fixture.world, fixture.actor, plan_atom_v, false))
        .at("schedules")
        .size();
  };
  const auto at_first = schedules();
  auto profile = std::make_shared<Profile>();  // on half of the device as fast as on all of it
  for (const auto kind : {OperationKind::gate_up, OperationKind::attention})
    for (const float share : {0.5F, 1.0F}) {
      profile->add(kind, share, 0, 0);
      profile->add(kind, share, 4096, 1);
    }
  caf::anon_send(fixture.actor, ProfilePtr(profile));
  for (std::uint64_t number = 1; number <= 100; ++number) {
    fixture.run_step(number, 64);
    fixture.streams[0].finish();
    fixture.world.run();
  }
  BOOST_TEST(schedules() > at_first);
  BOOST_TEST(schedules() <= at_first + 2);
}

BOOST_AUTO_TEST_SUITE_END()
