// A run's share of what the machine could have done, worked out by hand.
#include "client/cli/bench_ceilings.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/client/cli_fixture.hpp"

namespace {

using namespace nanoflow;
using namespace nanoflow::cli;

/// A machine of 1000 FLOP/s and 100 B/s; a row takes 10 FLOPs, its logits 5.
wire::Json plan(double steps, double rows, double roofline_s) {
  return {
      {"schedules", wire::Json::array()},
      {"peaks", {{"weights", "bf16"}, {"flops_per_s", 1000}, {"read_bytes_per_s", 100}}},
      {"costs",
       {{"row_flops", 10}, {"sampled_row_flops", 5}, {"weight_bytes", 7}, {"kv_token_bytes", 1}}},
      {"ran", {{"steps", steps}, {"rows", rows}, {"roofline_seconds", roofline_s}}}};
}

wire::Json without_peaks() {
  auto json = plan(0, 0, 0);
  json.erase("peaks");
  return json;
}

std::optional<Counted> from(const wire::Json& json) {
  return counted(json, "");
}

/// 40 tokens read, of which 8 were cached; 10 written. And a failure, which counts nowhere.
std::vector<Sample> samples() {
  return {
      {0, 0.1, 0.5, 10, 0, 4, false}, {0, 0.1, 0.5, 30, 8, 6, false}, {0, 0, 0, 99, 0, 0, true}};
}

const auto near = boost::test_tools::tolerance(1e-9);

double number(const wire::Json& json, const char* object, const char* name) {
  return json.at(object).at(name).get<double>();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bench_ceilings)

BOOST_AUTO_TEST_CASE(the_optimum_counts_what_was_asked_and_the_roofline_the_steps_that_ran) {
  const auto found = ceilings(samples(), 1.8, from(plan(100, 900, 5)), from(plan(112, 942, 5.5)));
  // 10 + 22 rows of prompts, 3 + 5 of answers, whose last token is not read again: 40 rows of 10
  // FLOPs, and 10 times logits of 5, take 0.45 s at 1000 FLOP/s.
  BOOST_TEST(found.at("rows_needed").get<double>() == 40);
  BOOST_TEST(found.at("rows_computed").get<double>() == 42);
  BOOST_TEST(found.at("steps").get<double>() == 12);
  BOOST_TEST(number(found, "optimum", "share") == 0.45 / 1.8, near);
  BOOST_TEST(number(found, "optimum", "total_tokens_per_s") == 50 / 0.45, near);
  BOOST_TEST(number(found, "roofline", "share") == 0.5 / 1.8, near);
  BOOST_TEST(number(found, "roofline", "total_tokens_per_s") == 100, near);
}

BOOST_AUTO_TEST_CASE(each_choice_of_a_request_has_a_last_token) {
  std::vector<Sample> two = {{0, 0.1, 0.5, 10, 0, 8, false, 2}};
  const auto found = ceilings(two, 2, from(plan(0, 0, 0)), from(plan(9, 16, 1)));
  BOOST_TEST(found.at("rows_needed").get<double>() == 16);
}

// The mix of LMSYS-Chat (102 tokens in, 222 out) with SmolLM2-135M, at 456 GFLOP/s: 1,820 tokens/s,
// by 2 FLOPs a weight, 106,168,320 of them in the layers and 28,311,552 in the LM head.
BOOST_AUTO_TEST_CASE(of_a_real_model_and_workload) {
  auto before = plan(0, 0, 0);
  before["costs"] = {{"row_flops", 2 * 106'168'320.0}, {"sampled_row_flops", 2 * 28'311'552.0}};
  before["peaks"]["flops_per_s"] = 456e9;
  auto after = before;
  after["ran"]["roofline_seconds"] = 1;
  const std::vector<Sample> one = {{0, 0.1, 0.5, 102, 0, 222, false}};
  const auto found = ceilings(one, 2, from(before), from(after));
  BOOST_TEST(number(found, "optimum", "total_tokens_per_s") == 1820,
             boost::test_tools::tolerance(1e-3));
}

BOOST_AUTO_TEST_CASE(what_is_not_known_is_said) {
  const auto why = [](const std::optional<Counted>& before, const std::optional<Counted>& after) {
    return ceilings(samples(), 2, before, after).at("unknown").get<std::string>();
  };
  BOOST_TEST(why(from(wire::Json::object()), from(plan(1, 1, 1))) ==
             "the daemon does not say what its model costs");
  BOOST_TEST(why(from(without_peaks()), from(without_peaks())) ==
             "the machine's peaks are not measured yet");
  BOOST_TEST(why(from(without_peaks()), from(plan(1, 1, 1))) ==
             "the machine's peaks were measured during this run");
  BOOST_TEST(why(from(plan(1, 1, 1)), from(plan(1, 1, 1))) == "no step ran");
  BOOST_TEST(ceilings({}, 2, from(plan(1, 1, 1)), from(plan(2, 2, 2))).contains("unknown"));
}

BOOST_AUTO_TEST_CASE(of_several_models_the_one_that_was_asked_counts) {
  auto other = plan(7, 7, 7);
  const wire::Json both = {{"tiny", plan(1, 2, 3)}, {"other", other}};
  BOOST_TEST(counted(both, "tiny")->rows == 2);
  BOOST_TEST(counted(both, "other")->rows == 7);
  BOOST_TEST(!counted(both, "").has_value());
  BOOST_TEST(counted(plan(1, 2, 3), "tiny")->rows == 2);  // the only one
}

BOOST_AUTO_TEST_CASE(a_person_reads_two_lines) {
  const auto found = ceilings(samples(), 1.8, from(plan(100, 900, 5)), from(plan(112, 942, 5.5)));
  BOOST_TEST(
      describe_ceilings(found) ==
      "ceilings   25% of the arithmetic alone: 111 tokens/s at 1.0 kFLOP/s, weights in bf16\n"
      "           28% of what its 12 steps need at least: 100 tokens/s, with reading weights, K "
      "and V at 0.0 GB/s\n");
  const auto more = ceilings(samples(), 1.8, from(plan(100, 900, 5)), from(plan(112, 990, 5.5)));
  BOOST_TEST(describe_ceilings(more).find("(the daemon computed 90 rows, this run needed 40") !=
             std::string::npos);
  BOOST_TEST(describe_ceilings({{"unknown", "nobody measured"}}) ==
             "ceilings   not known: nobody measured\n");
}

BOOST_FIXTURE_TEST_CASE(the_command_asks_before_and_after, test::CliFixture) {
  set(plans, {plan(100, 900, 5), plan(112, 942, 5.25)});
  BOOST_TEST(run({"bench", "--requests", "2", "--json"}) == 0);
  const auto found = wire::Json::parse(out).at("ceilings");
  // Each answer is 3 tokens to a prompt of 4: 6 rows, 3 times logits.
  BOOST_TEST(found.at("rows_needed").get<double>() == 12);
  BOOST_TEST(found.at("steps").get<double>() == 12);
  const double seconds = wire::Json::parse(out).at("wall_seconds");
  BOOST_TEST(number(found, "optimum", "share") == 0.15 / seconds, near);
  BOOST_TEST(number(found, "roofline", "share") == 0.25 / seconds, near);
  set(plans, {wire::Json::object()});
  BOOST_TEST(run({"bench", "--requests", "2", "--json"}) == 0);
  BOOST_TEST(wire::Json::parse(out).at("ceilings").contains("unknown"));
}

BOOST_AUTO_TEST_SUITE_END()
