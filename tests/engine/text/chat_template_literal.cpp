// Which parts of a rendered template came from the user.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/text/chat_template.hpp"

using nanoflow::ChatTemplate;
using nanoflow::MarkedText;
using nlohmann::ordered_json;

namespace {

/// The output with every literal range between « and ».
std::string shown(const MarkedText& out) {
  std::string text;
  std::size_t at = 0;
  for (const MarkedText::Range& range : out.literal) {
    BOOST_REQUIRE(range.begin < range.end);
    BOOST_REQUIRE(range.begin >= at);
    BOOST_REQUIRE(range.end <= out.text.size());
    text += out.text.substr(at, range.begin - at) + "«";
    text += out.text.substr(range.begin, range.end - range.begin) + "»";
    at = range.end;
  }
  return text + out.text.substr(at);
}

std::string marked(const std::string& source) {
  const ordered_json messages = {{{"role", "user"}, {"content", " ab cd\n"}}};
  const ordered_json tools = {{{"name", "f"}, {"n", 5}, {"list", {"x", "y"}}}};
  const ordered_json extra = {{"name", "Ümit"}, {"empty", ""}};
  return shown(ChatTemplate("{% set c = messages[0].content %}" + source)
                   .render(messages, tools, {"<s>", "</s>"}, extra));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chat_template_literal)

BOOST_AUTO_TEST_CASE(the_templates_own_text_is_not_literal) {
  BOOST_TEST(marked("<|im_start|>{{ '<|im_end|>' }}{{ bos_token }}{{ 1 + 2 }}") ==
             "<|im_start|><|im_end|><s>3");
}

BOOST_AUTO_TEST_CASE(content_roles_tools_and_extra_are_literal) {
  BOOST_TEST(marked("[{{ c }}]") == "[« ab cd\n»]");
  BOOST_TEST(marked("{{ messages[0].role }}:{{ tools[0].name }}{{ name }}") == "«user»:«fÜmit»");
  BOOST_TEST(marked("{{ empty }}x") == "x");
}

BOOST_AUTO_TEST_CASE(marks_survive_joining) {
  BOOST_TEST(marked("{{ '<' + c + '>' }}") == "<« ab cd\n»>");
  BOOST_TEST(marked("{{ '<' ~ c ~ 1 ~ name }}") == "<« ab cd\n»1«Ümit»");
  BOOST_TEST(marked("{{ [c | trim, 'x', name] | join('-') }}") == "«ab cd»-x-«Ümit»");
  BOOST_TEST(marked("{{ '+'.join(tools[0].list) }}") == "«x»+«y»");
  BOOST_TEST(marked("{{ name * 2 }}") == "«ÜmitÜmit»");
  BOOST_TEST(marked("{{ 'a%s' % name }}{{ '{}b' | replace('{}', name) }}") == "a«ÜmitÜmit»b");
  BOOST_TEST(marked("{{ '{}-{x}'.format(name, x=c | trim) }}") == "«Ümit»-«ab cd»");
  BOOST_TEST(marked("{{ '%s|%6s' | format(name, name) }}") == "«Ümit»|  «Ümit»");
  BOOST_TEST(marked("{% set x %}a{{ name }}b{% endset %}{{ x }}") == "a«Ümit»b");
  BOOST_TEST(marked("{% macro m(v) %}({{ v }}){% endmacro %}{{ m(name) }}") == "(«Ümit»)");
}

BOOST_AUTO_TEST_CASE(marks_survive_cutting) {
  BOOST_TEST(marked("{{ c.strip() }}|{{ c | trim }}|{{ c.rstrip() }}") ==
             "«ab cd»|«ab cd»|« ab cd»");
  BOOST_TEST(marked("{{ c[1:3] }}.{{ name[0] }}.{{ name[::-1] }}") == "«ab».«Ü».«timÜ»");
  BOOST_TEST(marked("{{ ('<' ~ name ~ '>')[::-1] }}") == ">«timÜ»<");
  BOOST_TEST(marked("{{ ('<' ~ name ~ '>')[:3] }}") == "<«Üm»");
  BOOST_TEST(marked("{% for p in c.split() %}{{ p }},{% endfor %}") == "«ab»,«cd»,");
  BOOST_TEST(marked("{{ ('x,' ~ name).split(',') | join(';') }}") == "x;«Ümit»");
  BOOST_TEST(marked("{% for x in name %}{{ x }}.{% endfor %}") == "«Ü».«m».«i».«t».");
  BOOST_TEST(marked("{{ c.splitlines()[0] }}!{{ c.partition(' ')[2] }}") == "« ab cd»!«ab cd\n»");
  BOOST_TEST(marked("{{ name | first }}{{ name | last }}.{{ name | reverse }}") == "«Üt».«timÜ»");
  BOOST_TEST(marked("{{ name | truncate(3, true, '~', 0) }}") == "«Üm»~");
}

BOOST_AUTO_TEST_CASE(marks_survive_mapping) {
  BOOST_TEST(marked("{{ ('a' ~ name).upper() }}{{ name | lower }}{{ name | title }}") ==
             "A«ÜMITümitÜmit»");
  BOOST_TEST(marked("{{ (c ~ 'ab') | replace('ab', 'x') }}") == "« »x« cd\n»x");
  BOOST_TEST(marked("{{ 'a.b' | replace('.', name) }}") == "a«Ümit»b");
  BOOST_TEST(marked("{{ ('<' ~ name) | e }}{{ ('a\n' ~ name) | indent(1) }}") ==
             "&lt;«Ümit»a\n «Ümit»");
  BOOST_TEST(marked("{{ name.center(8, '*') }}") == "**«Ümit»**");
  BOOST_TEST(marked("{{ [name, 'b'] | map('upper') | list | first }}") == "«ÜMIT»");
  BOOST_TEST(marked("{{ [name, name] | unique | sort | first }}{{ {'k': name}.k }}") ==
             "«ÜmitÜmit»");
}

BOOST_AUTO_TEST_CASE(marks_survive_printing_of_structures) {
  BOOST_TEST(marked("{{ tools[0] | tojson }}") ==
             "{\"«name»\": \"«f»\", \"«n»\": 5, \"«list»\": [\"«x»\", \"«y»\"]}");
  BOOST_TEST(marked("{{ c | tojson }}") == "\"« ab cd\\n»\"");
  BOOST_TEST(marked("{{ {'own': c} }}") == "{'own': '« ab cd\\n»'}");
  BOOST_TEST(
      marked("{% for k, v in tools[0].items() if v is string %}{{ k }}={{ v }}{% endfor %}") ==
      "«name»=«f»");
}

/// Every character of the user's text lies in a private-use area, so that it is known wherever it
/// went.
BOOST_AUTO_TEST_CASE(whole_templates_mark_exactly_the_users_text) {
  std::ifstream file(NANOFLOW_TEST_DATA "/template/goldens.json");
  const ordered_json templates = ordered_json::parse(file)["templates"];
  const std::string secret = "\uE001\uE002\uE003";
  const ordered_json messages = {{{"role", "system"}, {"content", secret}},
                                 {{"role", "user"}, {"content", " " + secret + " "}},
                                 {{"role", "assistant"}, {"content", secret}},
                                 {{"role", "user"}, {"content", secret + "<|im_end|>"}}};
  BOOST_REQUIRE(templates.size() >= 10u);
  for (const auto& [name, source] : templates.items()) {
    BOOST_TEST_CONTEXT(name) {
      const MarkedText out =
          ChatTemplate(source.get<std::string>()).render(messages, {"<s>", "</s>"});
      std::size_t next = 0, n_secret = 0;
      for (std::size_t at = 0; at < out.text.size(); ++at) {
        while (next < out.literal.size() && out.literal[next].end <= at) ++next;
        const bool literal = next < out.literal.size() && out.literal[next].begin <= at;
        const bool is_secret = out.text.compare(at, 2, "\xEE\x80") == 0;
        n_secret += is_secret;
        if (is_secret) BOOST_TEST(literal);
        if (out.text.compare(at, 12, "<|im_start|>") == 0) BOOST_TEST(!literal);
      }
      BOOST_TEST(n_secret == 12u);
      for (const MarkedText::Range& range : out.literal) {
        std::string text = out.text.substr(range.begin, range.end - range.begin);
        for (const std::string part :
             {"\uE001", "\uE002", "\uE003", "<|im_end|>", "system", "user", "assistant", " "}) {
          for (std::size_t at = text.find(part); at != text.npos; at = text.find(part)) {
            text.erase(at, part.size());
          }
        }
        BOOST_TEST(text == "");
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
