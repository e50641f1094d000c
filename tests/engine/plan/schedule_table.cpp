// Which schedule is chosen, on a device whose times the test makes up.
#include "engine/plan/schedule_table.hpp"

#include <boost/test/unit_test.hpp>

#include "engine/plan/candidates.hpp"
#include "engine/plan/program.hpp"
#include "tests/engine/plan/model_configs.hpp"
#include "tests/engine/plan/random_schedule.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

const std::vector<std::string> streams{"compute", "memory"};

struct Fixture {
  Graph graph = build_graph(smollm2_135m());
  std::vector<Schedule> candidates = candidate_schedules(graph, streams, 2);
  ScheduleTable table{graph, candidates};
  Random random{3};

  /// Runs steps whose cost is that of the candidate, by up to `noise` more; returns how many each
  /// candidate ran.
  std::vector<int> run(int n, const std::vector<double>& costs, double noise = 0.01,
                       BatchSignature signature = {64, 64, 256}) {
    std::vector<int> ran(table.candidates().size());
    for (int i = 0; i < n; ++i) {
      const int candidate = table.choose(signature);
      ++ran[candidate];
      // Steps differ in their work, which their times are in proportion to.
      const double work = std::uniform_real_distribution(1.0, 1.8)(random);
      const double extra = std::uniform_real_distribution(0.0, noise)(random);
      table.observe(signature, candidate, costs[candidate] * work * (1 + extra), work);
    }
    return ran;
  }
  const ScheduleTable::Entry& only() const { return table.entries().begin()->second; }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(schedule_table, Fixture)

BOOST_AUTO_TEST_CASE(the_fastest_is_chosen_after_every_one_was_tried) {
  const auto tried = run(60, {10, 8, 9, 9.1});
  for (std::size_t i = 0; i < tried.size(); ++i) BOOST_TEST(tried[i] > 0);
  BOOST_TEST(only().decided);
  BOOST_TEST(only().best == 1);
  BOOST_TEST(only().gain == 1.25, boost::test_tools::tolerance(0.02));
  BOOST_TEST(run(50, {10, 8, 9, 9.1})[1] == 50);
}

BOOST_AUTO_TEST_CASE(what_is_clearly_slower_drops_out_after_a_few_steps) {
  const auto ran = run(60, {10, 8, 20, 30});
  BOOST_TEST(ran[2] == 3);
  BOOST_TEST(ran[3] == 3);
  BOOST_TEST(only().observed[2].dropped);
}

BOOST_AUTO_TEST_CASE(a_gain_within_the_noise_is_not_one) {
  run(60, {10, 9.95, 12, 12}, 0.02);
  BOOST_TEST(only().decided);
  BOOST_TEST(only().best == 0);
}

BOOST_AUTO_TEST_CASE(a_choice_that_has_become_wrong_is_taken_back) {
  run(60, {10, 8, 20, 20});
  BOOST_REQUIRE_EQUAL(only().best, 1);
  run(600, {10, 13, 20, 20});
  BOOST_TEST(only().best == 0);
  run(600, {10, 8, 20, 20});
  BOOST_TEST(only().best == 1);
}

BOOST_AUTO_TEST_CASE(checking_costs_few_steps) {
  run(60, {10, 8, 20, 20});
  BOOST_TEST(run(2560, {10, 8, 20, 20})[0] <= 10 * 8);
}

BOOST_AUTO_TEST_CASE(each_kind_of_batch_is_tried_for_itself) {
  run(60, {10, 8, 20, 20});
  run(60, {8, 10, 20, 20}, 0.01, {500, 0, 256});
  BOOST_REQUIRE_EQUAL(table.entries().size(), 2u);
  BOOST_TEST(table.entries().at(bucket_of({64, 64, 256})).best == 1);
  BOOST_TEST(table.entries().at(bucket_of({500, 0, 256})).best == 0);
}

BOOST_AUTO_TEST_CASE(a_batch_too_small_to_be_split_runs_sequentially) {
  BOOST_TEST(run(60, {10, 1, 1, 1}, 0.01, {3, 3, 100})[0] == 60);
  BOOST_TEST(run(60, {10, 1, 1, 1}, 0.01, {7, 7, 100})[3] == 0);
}

// What is tried depends on the kind of batch: else a check could wait for ever for a candidate that
// the first batches of the kind were too small for.
BOOST_AUTO_TEST_CASE(batches_of_one_kind_that_differ_in_size_try_the_same) {
  run(60, {10, 8, 9, 12}, 0.01, {5, 5, 100});
  BOOST_REQUIRE(only().decided);
  BOOST_REQUIRE_EQUAL(only().best, 1);
  const auto ran = run(600, {10, 8, 9, 12}, 0.01, {8, 8, 100});
  BOOST_TEST(ran[1] > 550);
  BOOST_TEST(ran[3] == 0);
}

struct Searched : Fixture {
  static constexpr BatchSignature decode{64, 64, 256}, prompt{500, 0, 256};
  Searched() {
    Profile profile;
    profile.add(OperationKind::gate_up, 1, 64, 1);
    table.use(profile);
  }
  int add(const BatchSignature& signature) {
    auto schedule = overlapped_schedule(graph, streams, {.nano_batches = {0.25F, 0.75F}});
    table.add(signature, std::move(schedule), 1);
    return static_cast<int>(candidates.size());
  }
};

BOOST_FIXTURE_TEST_CASE(a_kind_of_batch_that_comes_often_is_searched_for_once, Searched) {
  BOOST_TEST(!table.wants_search(decode));
  run(30, {10, 8, 9, 9});
  BOOST_TEST(!table.wants_search(decode));
  run(60, {10, 8, 9, 9});
  BOOST_TEST(table.wants_search(decode));
  BOOST_TEST(!table.wants_search(decode));
  BOOST_TEST(!table.wants_search(prompt));
}

BOOST_FIXTURE_TEST_CASE(without_a_profile_nothing_is_searched_for, Fixture) {
  run(300, {10, 8, 9, 9});
  BOOST_TEST(!table.wants_search({64, 64, 256}));
}

BOOST_FIXTURE_TEST_CASE(what_was_found_is_tried_and_kept_if_it_is_faster, Searched) {
  run(60, {10, 8, 9, 9});
  BOOST_REQUIRE_EQUAL(only().best, 1);
  const int found = add(decode);
  BOOST_TEST(table.candidates().at(found).name == "side by side, 25% + 75%");
  const auto ran = run(30, {10, 8, 9, 9, 7});
  BOOST_TEST(only().best == found);
  BOOST_TEST(ran.at(found) == 30);
}

BOOST_FIXTURE_TEST_CASE(what_was_found_is_dropped_if_it_is_slower, Searched) {
  run(60, {10, 8, 9, 9});
  const int found = add(decode);
  const auto ran = run(100, {10, 8, 9, 9, 20});
  BOOST_TEST(only().best == 1);
  BOOST_TEST(ran.at(found) < 8);
}

BOOST_FIXTURE_TEST_CASE(what_was_found_is_for_its_kind_of_batch_only, Searched) {
  run(60, {10, 8, 9, 9});
  run(60, {10, 8, 9, 9}, 0.01, prompt);
  const int found = add(decode);
  BOOST_TEST(run(60, {10, 8, 9, 9, 1}, 0.01, prompt).at(found) == 0);
  BOOST_TEST(run(60, {10, 8, 9, 9, 1}, 0.01, {100, 0, 256}).at(found) == 0);
  BOOST_TEST(run(60, {10, 8, 9, 9, 1}).at(found) > 0);
  // A second kind for which the same is found tries it, too.
  BOOST_TEST(add(prompt) == found);
  BOOST_TEST(table.candidates().size() == candidates.size() + 1);
  BOOST_TEST(run(60, {10, 8, 9, 9, 1}, 0.01, prompt).at(found) > 0);
}

BOOST_AUTO_TEST_CASE(candidates_are_valid_and_give_each_stream_its_part_of_the_device) {
  for (const auto& config : {smollm2_135m(), mixtral_8x7b(), gemma3_270m()})
    for (const int n_cpus : {2, 3, 16, 64}) {
      const auto of_model = build_graph(config);
      for (const auto& schedule : candidate_schedules(of_model, streams, n_cpus)) {
        BOOST_CHECK_NO_THROW(check_schedule(of_model, schedule));
        const auto step = random_step(random);
        float shares = 0;
        for (const auto& program : compile(of_model, schedule, step)) shares += program.share;
        BOOST_TEST(shares <= 1.0F);
      }
    }
  BOOST_TEST(candidate_schedules(graph, streams, 1).size() == 1u);
  BOOST_TEST(candidate_schedules(graph, {"compute"}, 8).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
