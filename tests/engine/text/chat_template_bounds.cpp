// Hostile templates and hostile messages: each ends soon with a TemplateError that says where and
// why.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "engine/text/chat_template.hpp"

using nanoflow::ChatTemplate;
using nanoflow::TemplateError;
using nlohmann::ordered_json;

namespace {

std::string repeated(const std::string& text, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

/// The error of a template that must not render. One without bounds would run into the test
/// program's time limit.
std::string error_of(const std::string& source,
                     const ordered_json& messages = ordered_json::array()) {
  std::string error;
  try {
    const auto out = ChatTemplate(source).render(messages, {});
    BOOST_ERROR("rendered " << out.text.size() << " bytes: " << source.substr(0, 100));
  } catch (const TemplateError& e) {
    error = e.what();
  }
  return error;
}

void must_say(const std::string& source, const std::string& why) {
  const std::string error = error_of(source);
  BOOST_TEST(error.find(why) != std::string::npos, source.substr(0, 100) << ": " << error);
  BOOST_TEST(error.find("line ") != std::string::npos, error);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(chat_template_bounds)

BOOST_AUTO_TEST_CASE(errors_say_line_and_column) {
  BOOST_TEST(error_of("a\nb {{ 1 + }}") ==
             "chat template, line 2, column 10: expected an expression, found ''");
  BOOST_TEST(
      error_of("\n\n  {{ missing.x }}").starts_with("chat template, line 3, column 13: 'missing'"));
  BOOST_TEST(error_of("x\n{{ raise_exception('no ' ~ 1) }}").find("line 2, column") !=
             std::string::npos);
  BOOST_TEST(error_of("{{ raise_exception('no ' ~ 1) }}").ends_with(": no 1"));
}

BOOST_AUTO_TEST_CASE(steps_are_bounded) {
  must_say("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
           "steps");
  must_say("{% set l = [1] %}{% for x in l %}{% set _ = l.append(1) %}{% endfor %}", "too m");
  must_say("{% for a in range(9999) %}{{ range(9999) | sort | length }}{% endfor %}", "too m");
  must_say(
      "{% set s = 'a' * 4000000 %}{% for i in range(99999) %}{% set x = s.find('b') %}{% endfor %}",
      "steps");
  must_say(
      "{% set s = 'a' * 4000000 %}{% for i in range(99999) %}{% if s == s ~ '' %}{% endif %}{% "
      "endfor %}",
      "steps");
  must_say("{% set s = 'ab' * 2000000 %}{% set x = s.strip('c' * 100000 ~ 'ab') %}", "steps");
}

BOOST_AUTO_TEST_CASE(depth_of_the_source_is_bounded) {
  const std::pair<std::string, std::string> brackets[] = {
      {"(", ")"}, {"[", "]"},      {"{'a':", "}"}, {"a(", ")"},         {"a[", "]"},
      {"-", ""},  {"x | f(", ")"}, {"not ", ""},   {"1 if 1 else ", ""}};
  for (const auto& [open, close] : brackets) {
    must_say("{{ " + repeated(open, 50000) + "1" + repeated(close, 50000) + " }}", "deep");
  }
  must_say("{{ 1" + repeated(" + 1", 100000) + " }}", "deep");
  must_say("{{ 'a'" + repeated(" | upper", 100000) + " }}", "deep");
  must_say("{{ a" + repeated(".a", 100000) + " }}", "deep");
  must_say("{{ a" + repeated("()", 100000) + " }}", "deep");
  must_say(repeated("{% if 1 %}", 50000), "deep");
  must_say(repeated("{% for x in y %}", 50000), "deep");
  must_say("{% for " + repeated("(", 50000) + "x" + repeated(")", 50000) + " in y %}", "deep");
}

BOOST_AUTO_TEST_CASE(depth_of_calls_is_bounded) {
  must_say("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "deep");
  must_say("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
           "deep");
  must_say("{% macro m(x=m()) %}{% endmacro %}{{ m() }}", "deep");
  must_say(
      "{% set l = [] %}{% set _ = l.append(l) %}{% for x in l recursive %}{{ loop(x) }}{% endfor "
      "%}",
      "deep");
  must_say("{% macro m() %}{% call m() %}{% endcall %}{{ caller }}{% endmacro %}{{ m() }}", "deep");
}

BOOST_AUTO_TEST_CASE(depth_of_values_is_bounded) {
  const std::string deep =
      "{% set n = namespace(l=[]) %}{% for i in range(50000) %}{% set n.l = [n.l] %}{% endfor %}";
  must_say(deep + "{{ n.l }}", "deep");
  must_say(deep + "{{ n.l | tojson }}", "deep");
  must_say(deep + "{{ n.l == [n.l] }}", "deep");
  must_say(deep + "{{ [n.l, [n.l]] | sort }}", "deep");
  must_say("{% set l = [] %}{% set _ = l.append(l) %}{{ l }}", "deep");
  must_say("{% set l = [] %}{% set _ = l.append(l) %}{{ l | tojson }}", "deep");
  must_say("{% set d = {} %}{% set _ = d.update(d=d) %}{{ d == {'d': d} }}", "deep");
  must_say("{% set n = namespace() %}{% set n.n = n %}{{ n }}", "deep");
  // Each level holds the one before twice: 2^60 items on paper.
  must_say(
      "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor "
      "%}{{ n.l }}",
      "steps");
  must_say(
      "{% set n = namespace(l=[1], m=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}"
      "{% set n.m = [n.m, n.m] %}{% endfor %}{{ n.l == n.m }}",
      "steps");
}

BOOST_AUTO_TEST_CASE(memory_is_bounded) {
  must_say(
      "{% set n = namespace(s='x') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
      "grew");
  must_say(
      "{% set n = namespace(l=[1]) %}{% for i in range(99) %}{% set n.l = n.l + n.l %}{% endfor %}",
      "too m");
  must_say("{% set l = [1] %}{% for i in range(99) %}{% set _ = l.extend(l) %}{% endfor %}",
           "too m");
  must_say("{{ 'x' * 99999999999 }}", "grew");
  must_say("{{ [1] * 99999999999 }}", "too m");
  must_say("{{ [[]] * 99999999999 }}", "too m");
  must_say("{{ 'x'.center(99999999999) }}{{ 'x' | center(99999999999) }}", "grew");
  must_say("{{ 'x'.ljust(99999999999) }}", "grew");
  must_say("{{ '%99999999999d' % 1 }}", "grew");
  must_say("{{ '%*d' % (99999999999, 1) }}", "grew");
  must_say("{{ '{:99999999999}'.format(1) }}", "grew");
  must_say("{{ ('a' * 5000).replace('', 'b' * 5000) }}", "grew");
  must_say("{{ ('\\n' * 5000000) | indent(9999999) }}", "too m");
  must_say("{{ 'a\\nb' | indent(99999999999) }}", "grew");
  must_say("{{ ('a' * 8000000) | list }}", "too m");
  must_say("{{ ('a ' * 4000000).split() }}", "too m");
  must_say("{{ ('a' * 3000).join('b' * 8000) }}", "grew");
  must_say("{{ [1] | batch(99999999999, 'x') }}", "too m");
  must_say(
      "{{ [1, 2] | tojson(separators=('x' * 8000000, '')) }}{{ [1,2,3] | join('x' * 8000000) }}",
      "grew");
  must_say(
      "{% set l = namespace(l=[]) %}{% for i in range(99) %}{% set l.l = l.l + ['x' * 4000000] "
      "%}{% endfor %}",
      "memory");
}

BOOST_AUTO_TEST_CASE(output_and_ranges_are_bounded) {
  must_say("{% for i in range(99999) %}" + std::string(1000, 'x') + "{% endfor %}", "grew");
  must_say("{% for i in range(100001) %}{% endfor %}", "range");
  must_say("{{ range(99999999999999) }}", "range");
  must_say("{{ range(-9223372036854775807, 9223372036854775807) }}", "range");
  must_say("{{ strftime_now('%c' * 1000) }}", "long");
  BOOST_TEST(error_of(std::string(2000000, 'x')).find("bytes") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(numbers_never_overflow) {
  must_say("{{ 9223372036854775807 + 1 }}", "overflow");
  must_say("{{ -9223372036854775807 - 2 }}", "overflow");
  must_say("{{ 9223372036854775807 * 2 }}", "overflow");
  must_say("{{ (-9223372036854775807 - 1) // -1 }}", "overflow");
  must_say("{{ 10 ** 99999999999 }}", "overflow");
  must_say("{{ 10.0 ** 400 }}", "overflow");
  must_say("{{ 99999999999999999999 }}", "too large");
  must_say("{{ 1e30 | int }}", "too large");
  must_say("{{ -(-9223372036854775807 - 1) }}", "overflow");
  const auto text = [](const std::string& source) {
    return ChatTemplate(source).render(ordered_json::array(), {}).text;
  };
  BOOST_TEST(text("{{ 'abc'[-9223372036854775807:9223372036854775807:9223372036854775807] }}") ==
             "a");
  BOOST_TEST(text("{{ 'abc'[::-9223372036854775807] }}") == "c");
  BOOST_TEST(text("{{ 5 % -1 }}{{ 1 ** 99999999999 }}{{ (-1) ** 3 }}") == "01-1");
  BOOST_TEST(text("{{ 'abc'.find('c', -9223372036854775807, 9223372036854775807) }}") == "2");
}

BOOST_AUTO_TEST_CASE(deeply_nested_messages_are_refused) {
  ordered_json deep = ordered_json::array();
  for (int i = 0; i < 200000; ++i) {
    ordered_json outer = ordered_json::array();
    outer.push_back(std::move(deep));
    deep = std::move(outer);
  }
  const ordered_json messages = {{{"role", "user"}, {"content", std::move(deep)}}};
  BOOST_TEST(error_of("{{ messages }}", messages).find("nested") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(nothing_of_the_host_is_reachable) {
  const auto text = [](const std::string& source) {
    return ChatTemplate(source).render({{{"role", "user"}, {"content", "x"}}}, {}).text;
  };
  for (const std::string name :
       {"__class__", "__init__", "__globals__", "mro", "func_globals", "encode"}) {
    BOOST_TEST(text("{{ ''." + name + " is defined }}{{ messages." + name +
                    " is defined }}{{ range." + name + " is defined }}{{ ''['" + name +
                    "'] is defined }}{{ namespace()." + name + " is defined }}") ==
               "FalseFalseFalseFalseFalse");
  }
  must_say("{{ ''.__class__.__mro__ }}", "undefined");
  must_say("{{ open('/etc/passwd') }}", "undefined");
  must_say("{{ '{0.__class__.__init__}'.format('x') }}", "undefined");
}

BOOST_AUTO_TEST_CASE(a_long_conversation_renders) {
  ordered_json messages = ordered_json::array();
  for (int i = 0; i < 20000; ++i) {
    messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", " some words "}});
  }
  const auto out =
      ChatTemplate(
          "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
          "{{ raise_exception('no') }}{% endif %}{{ '<|im_start|>' + m['role'] + '\n' + "
          "m['content'] | trim + '<|im_end|>\n' }}{% endfor %}")
          .render(messages, {});
  BOOST_TEST(out.literal.size() == 40000u);
}

BOOST_AUTO_TEST_CASE(a_long_message_renders) {
  const ordered_json messages = {
      {{"role", "user"}, {"content", std::string(2000000, 'x') + "</think> y"}}};
  const auto out =
      ChatTemplate(
          "{% set c = messages[0].content %}{% if '</think>' in c %}"
          "{% set c = c.split('</think>')[-1].lstrip() ~ c.split('</think>')[0] %}{% endif %}"
          "{{ '<u>' + c | trim }}{{ c | replace('x', 'z') | length }}")
          .render(messages, {});
  BOOST_TEST(out.text.size() == 3u + 2000001u + 7u);
}

BOOST_AUTO_TEST_CASE(the_time_is_formatted) {
  const auto text = [](const std::string& source) {
    return ChatTemplate(source).render(ordered_json::array(), {}).text;
  };
  BOOST_TEST(text("{{ strftime_now('%Y') | int > 2024 }}") == "True");
  BOOST_TEST(text("{{ strftime_now('%d %b %Y') | length }}") == "11");
  BOOST_TEST(text("{{ strftime_now('') }}|{{ strftime_now('%%') }}") == "|%");
}

BOOST_AUTO_TEST_SUITE_END()
