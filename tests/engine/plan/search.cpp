// Schedules searched for by made-up profiles.
#include "engine/plan/search.hpp"

#include <boost/test/unit_test.hpp>
#include <set>
#include <string>
#include <vector>

#include "engine/plan/candidates.hpp"
#include "engine/plan/predict.hpp"
#include "engine/plan/program.hpp"
#include "tests/engine/plan/model_configs.hpp"

using namespace nanoflow;
using namespace nanoflow::test;

namespace {

const std::vector<std::string> streams{"compute", "memory"};
const BatchSignature decode{64, 64, 256};
const auto near = boost::test_tools::tolerance(1e-6);

/// On the whole device gate_up takes 1/16 ms a row, attention 1 ms for 4096 positions: 64 rows that
/// see 256 each, 4 ms and 4 ms a layer. All else takes no time. On a part of it both take
/// `slower(share)` times as long.
template <class Slower>
Profile profile(int n_cpus, Slower slower) {
  Profile profile;
  for (int i = 1; i <= n_cpus; ++i) {
    const float share = static_cast<float>(i) / static_cast<float>(n_cpus);
    profile.add(OperationKind::gate_up, share, 0, 0);
    profile.add(OperationKind::gate_up, share, 64, 4 * slower(share));
    profile.add(OperationKind::attention, share, 0, 0);
    profile.add(OperationKind::attention, share, 4096, slower(share));
  }
  return profile;
}

struct Fixture {
  SearchSpace space{build_graph(smollm2_135m()), streams, 4};
  double predicted(const Schedule& schedule, const Profile& profile) const {
    return predict_ms(space.graph, schedule, typical_step(decode), profile);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(search, Fixture)

// Neither needs the whole device: then two nano-batches at once are twice as fast as one after the
// other.
BOOST_AUTO_TEST_CASE(what_leaves_the_other_its_speed_is_run_beside_it) {
  const auto as_fast = profile(4, [](float) { return 1.0; });
  const auto result = search_schedules(space, decode, as_fast);
  BOOST_TEST(result.sequential_ms == 30 * 8, near);
  BOOST_REQUIRE_EQUAL(result.best.size(), 2u);
  BOOST_TEST(result.best[0].predicted_ms == 30 * 4, near);
  BOOST_TEST(result.best[0].predicted_ms == predicted(result.best[0].schedule, as_fast), near);
}

BOOST_AUTO_TEST_CASE(nothing_is_found_where_each_needs_the_whole_device) {
  const auto slower = profile(4, [](float share) { return 1.05 / share; });
  const auto result = search_schedules(space, decode, slower);
  for (const auto& found : result.best)
    BOOST_ERROR(found.schedule.name << ": " << found.predicted_ms << " of "
                                    << result.sequential_ms);
}

// Attention is as fast on a quarter of the device, products take what they get: 3/4 of it does them
// in 4/3 of the time, in which attention has no cost. Each nano-batch's products wait for its own
// attention once; with many nano-batches the layer comes near 4 * 4 / 3 = 5.33 ms instead of 8.
BOOST_AUTO_TEST_CASE(shares_follow_from_what_each_operation_needs) {
  Profile mixed = profile(4, [](float share) { return 1.0 / share; });
  for (const float share : {0.25F, 0.5F, 0.75F, 1.0F})
    mixed.add(OperationKind::attention, share, 4096, 1.0);
  const auto result = search_schedules(space, decode, mixed, 1);
  BOOST_REQUIRE_EQUAL(result.best.size(), 1u);
  const auto& best = result.best.front();
  BOOST_TEST(best.predicted_ms < 30 * 6.7);
  BOOST_TEST(best.predicted_ms > 30 * 5.33);
  for (const auto& candidate : candidate_schedules(space.graph, streams, 4))
    BOOST_TEST(best.predicted_ms <= predicted(candidate, mixed) + 1e-6);
}

BOOST_AUTO_TEST_CASE(all_that_is_found_is_valid_and_has_a_name_of_its_own) {
  const auto as_fast = profile(4, [](float) { return 1.0; });
  for (const auto& config : {smollm2_135m(), mixtral_8x7b(), gemma3_270m()}) {
    space.graph = build_graph(config);
    const auto result = search_schedules(space, decode, as_fast, 100);
    BOOST_TEST(result.best.size() > 30u);
    std::set<std::string> names;
    for (const auto& [schedule, ms] : result.best) {
      BOOST_CHECK_NO_THROW(check_schedule(space.graph, schedule));
      BOOST_TEST(names.insert(schedule.name).second, schedule.name);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_batch_of_a_row_or_three_has_no_other_schedule) {
  const auto as_fast = profile(4, [](float) { return 1.0; });
  for (const int n : {1, 3}) BOOST_TEST(search_schedules(space, {n, n, 100}, as_fast).n_tried == 0);
  // Guesses are not parted from the row before them.
  BOOST_TEST(search_schedules(space, {8, 0, 100, 5}, as_fast).n_tried == 0);
  space.n_cpus = 1;
  BOOST_TEST(search_schedules(space, decode, as_fast).n_tried == 0);
}

BOOST_AUTO_TEST_SUITE_END()
