// Rotary frequencies with every published scaling, against transformers.
#include "engine/model/rope.hpp"

#include "engine/model/hf_config.hpp"
#include "model_files.hpp"

using namespace model_files;
using nanoflow::Rope;

BOOST_FIXTURE_TEST_SUITE(rope, Folder)

BOOST_AUTO_TEST_CASE(frequencies_are_transformers_ones) {
  const nlohmann::json goldens = read_golden()["ropes"];
  BOOST_TEST(goldens.size() >= 8U);
  for (const auto& [name, golden] : goldens.items()) {
    BOOST_TEST_CONTEXT(name) {
      write("config.json", nlohmann::json{{"rope_parameters", golden["rope_parameters"]}}.dump());
      nanoflow::HfConfig source(path);
      source.complete("{}");
      const Rope rope = make_rope(nanoflow::read_rope(source, 131072), 128, Rope::Pairs::halves);
      const auto expected = golden["inverse_frequencies"].get<std::vector<float>>();
      BOOST_TEST(std::abs(rope.magnitude - golden["magnitude"].get<float>()) < 1e-6F);
      BOOST_REQUIRE(rope.inverse_frequencies.size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        // transformers computes the power in float
        BOOST_TEST(std::abs(rope.inverse_frequencies[i] / expected[i] - 1) < 2e-6F);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
