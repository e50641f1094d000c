// Mutated templates: each one renders or throws a TemplateError, soon, and never anything else.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "engine/text/chat_template.hpp"

using nanoflow::ChatTemplate;
using nanoflow::MarkedText;
using nlohmann::ordered_json;

BOOST_AUTO_TEST_SUITE(chat_template_fuzz)

BOOST_AUTO_TEST_CASE(mutated_templates_render_or_say_why_not) {
  std::ifstream file(NANOFLOW_TEST_DATA "/template/goldens.json");
  const ordered_json goldens = ordered_json::parse(file);
  std::vector<std::string> sources;
  for (const ordered_json& test : goldens["cases"]) {
    if (test.contains("template")) sources.push_back(test["template"]);
  }
  for (const ordered_json& source : goldens["templates"]) sources.push_back(source);
  const ordered_json conversation = goldens["conversations"]["tool call"];
  const unsigned seed = 20240726;
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const std::string bytes = "{}%#-+()[]'\"|.,:~* \n\\=<>0159azxis\x80\xC3\xE2\xF0";
  std::size_t n_rendered = 0;
  constexpr int n_cases = 20000;
  for (int i = 0; i < n_cases; ++i) {
    std::string source = sources[below(sources.size())];
    for (std::size_t edits = below(4) + 1; edits > 0; --edits) {
      const std::size_t at = below(source.size() + 1);
      const std::string& other = sources[below(sources.size())];
      const std::size_t cut = below(other.size() + 1);
      switch (below(4)) {
        case 0:
          source.insert(at, 1, bytes[below(bytes.size())]);
          break;
        case 1:
          source.erase(at, below(8));
          break;
        case 2:
          source.insert(at, other.substr(cut, below(30)));
          break;
        default:
          source.replace(at, below(12), other.substr(cut, below(12)));
      }
    }
    try {
      const MarkedText out = ChatTemplate(source).render(
          conversation["messages"], conversation["tools"], {"<s>", "</s>"}, goldens["extra"]);
      ++n_rendered;
      std::size_t last = 0;
      for (const MarkedText::Range& range : out.literal) {
        if (range.begin < last || range.end <= range.begin) BOOST_ERROR("bad ranges: " << source);
        last = range.end;
      }
      if (last > out.text.size()) BOOST_ERROR("a range past the end: " << source);
    } catch (const nanoflow::TemplateError& e) {
      if (std::string(e.what()).find("line ") == std::string::npos)
        BOOST_ERROR("no line: " << e.what());
    } catch (const std::exception& e) {
      BOOST_ERROR("another error, " << e.what() << ": " << source);
    }
  }
  BOOST_TEST_MESSAGE("seed " << seed << ": " << n_rendered << " of " << n_cases << " rendered");
  BOOST_TEST(n_rendered > n_cases / 20u);
  BOOST_TEST(n_rendered < n_cases - n_cases / 20u);
}

BOOST_AUTO_TEST_SUITE_END()
