// Every snippet and template of tests/data/template against what jinja2 makes of it.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/text/chat_template.hpp"

using nanoflow::ChatTemplate;
using nanoflow::MarkedText;
using nlohmann::ordered_json;

namespace {

const ordered_json& goldens() {
  static const ordered_json all = [] {
    std::ifstream file(NANOFLOW_TEST_DATA "/template/goldens.json");
    return ordered_json::parse(file);
  }();
  return all;
}

struct Inputs {
  ordered_json source, messages = ordered_json::array(), tools, extra;
};

/// A case names a whole template and a conversation, or brings a snippet.
Inputs inputs_of(const ordered_json& test) {
  Inputs in;
  if (!test.contains("family")) {
    in.source = test["template"];
    in.messages = test["messages"];
    in.extra = goldens()["extra"];
    return in;
  }
  in.source = goldens()["templates"][test["family"].get<std::string>()];
  const ordered_json& conversation =
      goldens()["conversations"][test["conversation"].get<std::string>()];
  in.messages = conversation["messages"];
  if (conversation.contains("tools")) in.tools = conversation["tools"];
  if (conversation.contains("extra")) in.extra = conversation["extra"];
  return in;
}

void check(const ordered_json& test) {
  const Inputs in = inputs_of(test);
  ChatTemplate::Inputs tokens{"<s>", "</s>", test.value("add_generation_prompt", true)};
  std::string made;
  std::string error;
  try {
    made = ChatTemplate(in.source.get<std::string>())
               .render(in.messages, in.tools, tokens, in.extra)
               .text;
  } catch (const nanoflow::TemplateError& e) {
    error = e.what();
  }
  BOOST_TEST_CONTEXT(test["name"].get<std::string>()) {
    if (test["output"].is_null()) {
      BOOST_CHECK_MESSAGE(!error.empty(), "must fail, but gave: " << made);
      if (!error.empty()) BOOST_TEST(error.find("line ") != std::string::npos);
    } else {
      BOOST_TEST(error == "");
      if (error.empty()) BOOST_TEST(made == test["output"].get<std::string>());
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chat_template_goldens)

BOOST_AUTO_TEST_CASE(snippets_render_as_in_jinja2) {
  std::size_t n = 0;
  for (const ordered_json& test : goldens()["cases"]) {
    if (test.contains("family")) continue;
    check(test);
    ++n;
  }
  BOOST_TEST(n > 600u);
}

BOOST_AUTO_TEST_CASE(whole_templates_render_as_in_jinja2) {
  std::size_t n = 0;
  for (const ordered_json& test : goldens()["cases"]) {
    if (!test.contains("family")) continue;
    check(test);
    ++n;
  }
  BOOST_TEST(n > 200u);
}

BOOST_AUTO_TEST_SUITE_END()
