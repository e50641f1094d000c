// The manual pages have every command and every option that the programs' own help has.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <sstream>

#include "tests/client/cli_fixture.hpp"

namespace {

using namespace nanoflow;

/// As it reads: without roff's backslashes, in which hyphens stand.
std::string page(const std::string& name) {
  std::ifstream file(NANOFLOW_TEST_DATA "/../../client/cli/" + name);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::erase(text, '\\');
  return text;
}

/// Not as the beginning of a longer word: --model is not --model-folder.
bool has_word(const std::string& text, const std::string& word) {
  const auto goes_on = [](char c) { return std::isalnum((unsigned char)c) || c == '-'; };
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    if (!goes_on(text[at - 1]) && !goes_on(text[at + word.size()])) return true;
  return false;
}

std::vector<std::string> sampling_options() {
  wire::Sampling sampling;
  cli::OptionSet options;
  options.sampling(sampling);
  return options.names();
}

BOOST_FIXTURE_TEST_SUITE(manual, test::CliFixture)

BOOST_AUTO_TEST_CASE(the_page_names_every_command_and_every_option_but_the_sampling_fields) {
  const std::string text = page("nanoflow.1");
  BOOST_REQUIRE(!text.empty());
  const auto sampling = sampling_options();
  for (const cli::Command& command : cli::commands()) {
    const std::string name(command.name);
    BOOST_TEST(has_word(text, name), name);
    BOOST_TEST(run({name, "--list-options"}) == 0);
    std::istringstream names(out);
    for (std::string option; names >> option;) {
      const bool listed = std::find(sampling.begin(), sampling.end(), option) == sampling.end();
      if (listed && option != "--help") BOOST_TEST(has_word(text, option), name + " " + option);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
