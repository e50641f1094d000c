// nanoflow plan explain, and what nanoflow top shows of it.
#include "client/cli/plan_timeline.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>

#include "client/cli/top.hpp"
#include "tests/client/cli_fixture.hpp"

namespace {

using namespace nanoflow;

wire::Json bar(const char* stream, const char* operation, int nano, int begin, int end,
               double share, const char* bound_by) {
  return {{"stream", stream}, {"operation", operation}, {"nano_batch", nano},  {"begin_us", begin},
          {"end_us", end},    {"share", share},         {"bound_by", bound_by}};
}

wire::Json timeline(const char* schedule, bool chosen, int tokens, wire::Json bars) {
  return {{"schedule", schedule}, {"chosen", chosen},          {"tokens_up_to", tokens},
          {"decoding_up_to", 64}, {"mean_context_up_to", 256}, {"rows", tokens - 4},
          {"decoding", 60},       {"step_ms", 31.25},          {"layers", 30},
          {"layer_us", 1000},     {"bars", std::move(bars)}};
}

wire::Json explained() {
  const wire::Json one = {bar("compute", "qkv", 0, 0, 400, 1, "compute"),
                          bar("compute", "attention", 0, 400, 1000, 1, "memory")};
  const wire::Json beside = {bar("compute", "qkv", 0, 0, 1000, 0.5, "compute"),
                             bar("memory", "attention", 1, 0, 500, 0.5, "memory")};
  return {{"schedules", {{{"name", "sequential"}}}},
          {"batches", wire::Json::array()},
          {"peaks", {{"weights", "bf16"}, {"flops_per_s", 400e9}, {"read_bytes_per_s", 25e9}}},
          {"costs", {{"row_flops", 2e8}, {"weight_bytes", 1048576}}},
          {"ran", {{"steps", 9}, {"rows", 300}, {"roofline_seconds", 2.5}}},
          {"timelines",
           {timeline("sequential", false, 64, one), timeline("side by side", true, 64, beside),
            timeline("sequential", true, 512, one)}}};
}

wire::Json status() {
  return wire::Json::parse(R"({"server": "nanoflowd 1.2", "device": "a CPU", "uptime": 90,
      "running": 2, "waiting": 1, "pages": {"total": 100, "free": 75, "cached": 9},
      "prompt_tokens_per_s": 500.0, "tokens_per_s": 80.0, "memory": {"resident_bytes": 1048576},
      "models": [{"name": "tiny"}],
      "streams": [{"name": "compute", "busy_share": 0.8, "flops_per_s": 2e11,
                   "bytes_per_s": 5e9, "steps_per_s": 30.0}],
      "requests": [{"number": 7, "user": "ann"}, {"number": 8, "user": "bob"}]})");
}

bool holds(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(plan_explain, test::CliFixture)

BOOST_AUTO_TEST_CASE(draws_the_kind_of_batch_that_most_steps_were_of) {
  set(plans, {explained()});
  BOOST_TEST(run({"plan", "explain"}) == 0);
  BOOST_TEST(last<wire::Plan>().explain);
  BOOST_TEST(holds(out, "machine   400 GFLOP/s with weights in bf16, reads 23.3 GiB/s\n"));
  BOOST_TEST(holds(out, "model     200 MFLOP a row and "));
  BOOST_TEST(holds(out, "so far    9 steps of 300 rows in all; "));
  BOOST_TEST(
      holds(out,
            "sequential, not chosen: one layer of 30 as it ran, 1000 us of a step of 31.2 ms "
            "with 60 rows, of which 60 decode\n"));
  BOOST_TEST(holds(out, "side by side, chosen: "));
  BOOST_TEST(!holds(out, "508 rows"));      // the other kind
  BOOST_TEST(!holds(out, "\"begin_us\""));  // as a drawing only
  BOOST_TEST(holds(out, "\nmemory   |AAAAAAA"));
  BOOST_TEST(holds(out, "small letters: nano-batch 1; capitals: nano-batch 2"));
}

BOOST_AUTO_TEST_CASE(draws_all_kinds_into_an_svg) {
  set(plans, {explained()});
  BOOST_TEST(run({"plan", "--svg", "explained.svg"}) == 0);
  BOOST_TEST(last<wire::Plan>().explain);
  std::ifstream file("explained.svg");
  const std::string svg{std::istreambuf_iterator<char>(file), {}};
  BOOST_TEST(holds(svg, "side by side, chosen"));
  BOOST_TEST(holds(svg, "508 rows"));
  BOOST_TEST(run({"plan", "explain", "--svg", "no/such/folder.svg"}) == 1);
  set(plans, {wire::Json{{"schedules", wire::Json::array()}}});
  BOOST_TEST(run({"plan", "explain", "--svg", "nothing.svg"}) == 1);
  BOOST_TEST(holds(err, "nothing to draw"));
}

BOOST_AUTO_TEST_CASE(of_several_models_each_has_its_name) {
  set(plans, {wire::Json{{"tiny", explained()}, {"other", explained()}}});
  BOOST_TEST(run({"plan", "explain"}) == 0);
  BOOST_TEST((holds(out, "== tiny ==\n") && holds(out, "== other ==\n")));
  BOOST_TEST(run({"plan", "explain", "--json"}) == 0);
  BOOST_TEST(wire::Json::parse(out)["other"]["timelines"].size() == 3u);
}

BOOST_AUTO_TEST_CASE(top_holds_streams_against_the_peaks) {
  const auto peaks = cli::peaks_of(explained());
  const std::string view = cli::top_view(status(), peaks, 200, 0);
  BOOST_TEST(holds(view, "nanoflowd 1.2, a CPU, up 1 min 30 s\n"));
  BOOST_TEST(holds(view, "requests  2 running, 1 waiting\n"));
  BOOST_TEST(holds(view, "pages     #####............... 25 of 100 in use, 9 free ones hold"));
  BOOST_TEST(
      holds(view, "compute  ################.... 80 %  200 GFLOP/s  50 %     5.0 GB/s  20 %"));
  BOOST_TEST(holds(view, "8       bob"));
  BOOST_TEST(!holds(view, "tiny"));  // with one model its line would say nothing new
  BOOST_TEST(holds(cli::top_view(status(), {}, 200, 0), "200 GFLOP/s  -  "));
  auto idle = status();
  idle["streams"][0]["flops_per_s"] = 0;
  BOOST_TEST(holds(cli::top_view(idle, peaks, 200, 0), "0 FLOP/s  0 %"));
  const wire::Json several = {{"tiny", explained()}, {"other", wire::Json::object()}};
  BOOST_TEST(cli::peaks_of(several).flops_per_s == 400e9);
}

BOOST_AUTO_TEST_CASE(top_fits_the_terminal) {
  const std::string view = cli::top_view(status(), {}, 12, 6);
  BOOST_TEST(std::count(view.begin(), view.end(), '\n') == 6);
  BOOST_TEST(view.starts_with("nanoflowd 1.\n"));
  BOOST_TEST(view.ends_with("... and 8 more lines\n"));
}

BOOST_AUTO_TEST_CASE(top_asks_for_the_peaks_until_it_knows_them) {
  set(plans, {wire::Json::object(), explained()});
  BOOST_TEST(run({"top", "--count", "3", "--interval", "0.1"}) == 0);
  const std::lock_guard lock(mutex);
  const auto n = std::count_if(asked.begin(), asked.end(), [](const auto& operation) {
    return std::holds_alternative<wire::Plan>(operation);
  });
  BOOST_TEST(n == 2);
}

BOOST_AUTO_TEST_SUITE_END()
