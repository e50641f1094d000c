// nanoflow plan --simulate as a user sees it, and the timelines it draws.
#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "client/cli/timeline.hpp"
#include "tests/client/cli_fixture.hpp"

namespace {

using namespace nanoflow;

/// Two nano-batches on two streams; the third idles.
cli::Timeline small_timeline() {
  cli::Timeline timeline;
  timeline.title = "a layer";
  timeline.seconds = 0.002;
  timeline.nano_batches = {"8 rows", "24 rows"};
  timeline.lanes = {{"compute", {{0, 0.001, "qkv", 0, 1, 0}, {0.001, 0.002, "output", 1, 0.6, 0}}},
                    {"memory", {{0.001, 0.0015, "quick <scan>", 0, 0.4, 1}}},
                    {"network", {}}};
  return timeline;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++found;
  return found;
}

struct PlanFixture : test::CliFixture {
  int simulate(std::vector<std::string> more = {}, const std::string& profile = "h200") {
    std::vector<std::string> arguments = {"plan",       "--simulate", profile,  "--model",
                                          "llama-3-8b", "--workload", "512:512"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(plan_simulate, PlanFixture)

BOOST_AUTO_TEST_CASE(a_timeline_as_text) {
  std::ostringstream text;
  cli::print_timeline(text, small_timeline(), 31);
  BOOST_TEST(text.str() ==
             "a layer\n\n"
             "          0 ms 0.5  1    1.5  2\n"
             "compute  |qqqqqqqqqqOOOOOOOOOO|\n"
             "         |##########6666666666|\n"
             "memory   |..........uuuuu.....|\n"
             "         |          44444     |\n"
             "          q qkv           o output        u quick <scan>\n"
             "          small letters: 8 rows; capitals: 24 rows\n"
             "          below: share of the device in tenths, # is all of it\n");
}

BOOST_AUTO_TEST_CASE(a_timeline_as_svg) {
  const std::string svg = cli::timeline_svg({small_timeline(), small_timeline()});
  BOOST_TEST(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  BOOST_TEST(svg.ends_with("</svg>\n"));
  BOOST_TEST(count(svg, "<title>") == 6u);  // a bar each
  BOOST_TEST(count(svg, "quick &lt;scan&gt;") >= 2u);
  BOOST_TEST(count(svg, "<scan>") == 0u);
  BOOST_TEST(count(svg, "<text") == count(svg, "</text>"));
}

BOOST_AUTO_TEST_CASE(the_answer_needs_no_daemon) {
  daemon.stop();
  BOOST_TEST(simulate() == 0);
  for (const char* expected :
       {"llama-3-8b on 1 x NVIDIA H200 SXM, 512 tokens in and 512 out", "bound by   compute",
        "\noptimum ", "\nsequential ", "\nnano-batches alone ", "\noverlapped ", "   chosen\n",
        "\ncompute  |", "\nmemory   |", "prefill attention"})
    BOOST_TEST(out.find(expected) != std::string::npos, expected << " is not in\n" << out);
  BOOST_TEST(out.find("network  |") == std::string::npos);  // one device has none
  BOOST_TEST(asked.empty());
}

BOOST_AUTO_TEST_CASE(json_says_the_same) {
  BOOST_TEST(simulate({"--json"}) == 0);
  const auto answer = wire::Json::parse(out);
  BOOST_TEST(answer["devices"] == 1);
  BOOST_TEST(answer["batch"]["rows"] == 2048);
  BOOST_REQUIRE(answer["schedules"].size() == 3u);
  int chosen = 0;
  for (const auto& schedule : answer["schedules"]) {
    const double rate = 2048 / (schedule["iteration_ms"].get<double>() / 1000);
    BOOST_TEST(schedule["tokens_per_s_per_device"].get<double>() == rate,
               boost::test_tools::tolerance(1e-6));
    chosen += schedule["chosen"].get<bool>() ? 1 : 0;
  }
  BOOST_TEST(chosen == 1);
  BOOST_TEST(answer["timeline"]["bars"].size() > 10u);
}

BOOST_AUTO_TEST_CASE(an_svg_is_written) {
  BOOST_TEST(simulate({"--svg", "layer.svg"}) == 0);
  std::ifstream file("layer.svg");
  const std::string svg{std::istreambuf_iterator<char>(file), {}};
  BOOST_TEST(svg.find("llama-3-8b, one layer of 32, sequential") != std::string::npos);
  BOOST_TEST(svg.find("llama-3-8b, one layer of 32, overlapped") != std::string::npos);
  BOOST_TEST(simulate({"--svg", "no/such/folder.svg"}) == 1);
}

BOOST_AUTO_TEST_CASE(devices_and_batch_replace_the_profiles) {
  BOOST_TEST(simulate({"--devices", "2", "--batch", "256", "--json"}) == 0);
  const auto answer = wire::Json::parse(out);
  BOOST_TEST(answer["devices"] == 2);
  BOOST_TEST(answer["batch"]["rows"] == 256);
  BOOST_TEST(answer["roofline_ms"]["network"].get<double>() > 0);
}

BOOST_AUTO_TEST_CASE(mistakes_name_what_was_expected) {
  const auto refused = [&](int code, std::vector<std::string> arguments, const char* why) {
    BOOST_TEST(run(std::move(arguments)) == code);
    BOOST_TEST(err.find(why) != std::string::npos, err << " lacks " << why);
  };
  refused(2, {"plan", "--simulate", "h20", "--model", "llama-3-8b", "--workload", "1:1"},
          "did you mean 'h200'?");
  refused(2, {"plan", "--simulate", "h200", "--model", "llama-8b", "--workload", "1:1"},
          "did you mean 'llama-3-8b'?");
  refused(2, {"plan", "--simulate", "h200", "--model", "llama-3-8b"}, "--workload IN:OUT");
  refused(2, {"plan", "--simulate", "h200", "--workload", "1:1"}, "--model SHAPE");
  refused(2, {"plan", "--model", "llama-3-8b"}, "--simulate PROFILE");
  refused(2, {"plan", "--simulate", "h200", "--model", "llama-3-8b", "--workload", "12"}, "IN:OUT");
  refused(2, {"plan", "--simulate", "h200", "--model", "llama-3-8b", "--workload", "0:1"}, "IN");
  refused(2, {"plan", "explain", "--simulate", "h200"}, "take one of them");
  refused(1, {"plan", "--simulate", "./none.toml", "--model", "llama-3-8b", "--workload", "1:1"},
          "./none.toml: cannot be read");
  refused(1, {"plan", "--simulate", "h200", "--model", "llama-3-70b", "--workload", "1:1"},
          "weights need 141.1 GB");
}

BOOST_AUTO_TEST_SUITE_END()
