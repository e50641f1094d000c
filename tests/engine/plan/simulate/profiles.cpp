#include <boost/test/unit_test.hpp>

#include "engine/plan/simulate/device_profile.hpp"
#include "tests/engine/plan/simulate/temporary_folder.hpp"

using namespace nanoflow::simulate;

namespace {

const std::string good = R"(description = "a device"
devices = 2
[compute]
flops = 1e12
sustained_flops = 9e11
units = 10
tile = [64, 128]
gemm_efficiency = 0.9
prefill_attention_efficiency = 0.5
[memory]
bytes = 8000000000
bandwidth = 1e11
efficiency = 0.8
[network]
bandwidth = 1e10
efficiency = 0.7
latency = 0
[interference]
gemm = []
gemv = [[0.4, 0.8]]
network = [[0.1, 0.3]]
)";

std::string replaced(const std::string& from, const std::string& to) {
  std::string text = good;
  const auto at = text.find(from);
  BOOST_REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

void refused(const std::string& toml, const std::string& message) {
  try {
    parse_profile(toml, "mine.toml");
    BOOST_ERROR("accepted, expected: " + message);
  } catch (const ProfileError& error) {
    BOOST_TEST(error.what() == message);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(profiles)

BOOST_AUTO_TEST_CASE(a_profile_is_read_as_it_is_written) {
  const auto profile = parse_profile(good, "mine.toml");
  BOOST_TEST(profile.name == "mine");
  BOOST_TEST(profile.description == "a device");
  BOOST_TEST(profile.devices == 2);
  BOOST_TEST(profile.tile_columns == 128);
  BOOST_TEST(profile.memory_bytes == 8e9);
  BOOST_TEST(profile.gemv.performance(0.4) == 0.8);
  BOOST_TEST(profile.network_curve.performance(0.1) == 0.3);
  const TemporaryFolder folder;
  BOOST_TEST(load_profile(folder.write("mine.toml", good)).flops == 1e12);
}

BOOST_AUTO_TEST_CASE(the_built_in_ones_are_whole) {
  for (const auto& built_in : built_in_profiles()) {
    const auto profile = load_profile(std::string(built_in.name));
    BOOST_TEST(profile.name == built_in.name);
    BOOST_TEST(profile.sustained_flops < profile.flops);
  }
  BOOST_TEST(load_profile("h200").devices == 1);
  BOOST_TEST(load_profile("a100-80g-sxm-x8").devices == 8);
}

BOOST_AUTO_TEST_CASE(errors_name_the_file_the_line_the_field_and_what_was_expected) {
  refused(replaced("units = 10", "units = 0"),
          "mine.toml:6: compute.units: expected 1 to 1000000, found 0");
  refused(replaced("units = 10", "units = \"ten\""),
          "mine.toml:6: compute.units: expected an integer, found string");
  refused(replaced("flops = 1e12", "flops = -1"),
          "mine.toml:4: compute.flops: expected more than 0, found -1");
  refused(replaced("flops = 1e12", "flops = nan"),
          "mine.toml:4: compute.flops: expected a finite number");
  refused(replaced("efficiency = 0.8", "efficiency = 80"),
          "mine.toml:13: memory.efficiency: expected more than 0 and at most 1, found 80");
  refused(replaced("latency = 0", "latency = -1"),
          "mine.toml:17: network.latency: expected 0 or more, found -1");
  refused(replaced("[64, 128]", "[64]"),
          "mine.toml:7: compute.tile: expected [rows, columns], found 1 values");
  refused(replaced("[[0.4, 0.8]]", "[[0.4, 0.8], [0.2, 0.9]]"),
          "mine.toml:20: interference.gemv: expected shares that ascend and performances that do "
          "not fall, all in 0 to 1");
  refused(replaced("[[0.4, 0.8]]", "0.5"),
          "mine.toml:20: interference.gemv: expected an array of [share, performance], found "
          "floating-point");
  refused(replaced("devices = 2\n", ""), "mine.toml: devices is missing");
  refused(replaced("bandwidth = 1e10\n", ""), "mine.toml: network.bandwidth is missing");
  refused(replaced("bandwidth = 1e10", "bandwith = 1e10"),
          "mine.toml:15: network.bandwith: no such field");
  refused("compute = 1\n" + replaced("[compute]", "[other]"),
          "mine.toml:1: compute: expected a table");
}

BOOST_AUTO_TEST_CASE(broken_toml_and_unknown_names) {
  BOOST_CHECK_THROW(parse_profile("devices = = 2", "mine.toml"), ProfileError);
  BOOST_CHECK_THROW(load_profile("no-such-device"), ProfileError);
  BOOST_CHECK_THROW(load_profile("./no-such-file.toml"), ProfileError);
  BOOST_CHECK_THROW(load_profile("./"), ProfileError);
}

BOOST_AUTO_TEST_SUITE_END()
