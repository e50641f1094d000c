// The parts of the command line that need no daemon.
#include <boost/test/unit_test.hpp>
#include <functional>
#include <sstream>

#include "client/cli/bench.hpp"
#include "client/cli/chat.hpp"
#include "client/cli/options.hpp"
#include "client/cli/terminal.hpp"
#include "client/suggest.hpp"

namespace {

using namespace nanoflow;
using namespace nanoflow::cli;

std::string usage_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

struct Parsed {
  bool loud = false;
  std::string model;
  wire::Sampling sampling;
  std::vector<std::string> words;
};

Parsed parse(const std::vector<std::string>& arguments) {
  Parsed parsed;
  OptionSet options;
  options.flag("--loud", "be loud", parsed.loud);
  options.value("--model", "NAME", "the model", parsed.model);
  options.sampling(parsed.sampling);
  parsed.words = options.parse(arguments);
  return parsed;
}

BOOST_AUTO_TEST_SUITE(cli_options)

BOOST_AUTO_TEST_CASE(options_and_words_may_come_in_any_order_and_form) {
  const Parsed parsed =
      parse({"one", "--model", "m", "--loud", "-", "--max-tokens=5", "--", "--loud"});
  BOOST_TEST(parsed.loud);
  BOOST_TEST(parsed.model == "m");
  BOOST_TEST(*parsed.sampling.max_tokens == 5);
  BOOST_TEST(parsed.words == (std::vector<std::string>{"one", "-", "--loud"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(every_sampling_field_is_an_option) {
  const Parsed parsed = parse({"--temperature",
                               "0.5",
                               "--top-k",
                               "3",
                               "--top-p",
                               "0.5",
                               "--min-p",
                               "0.25",
                               "--presence-penalty",
                               "-1",
                               "--frequency-penalty",
                               "1",
                               "--repetition-penalty",
                               "1.5",
                               "--seed",
                               "18446744073709551615",
                               "--stop",
                               "a",
                               "--stop",
                               "b",
                               "--stop-token-ids",
                               "7",
                               "--include-stop-str-in-output",
                               "--ignore-eos",
                               "--no-skip-special-tokens",
                               "--logit-bias",
                               "5=-1.5",
                               "--logprobs",
                               "2",
                               "--n",
                               "3",
                               "--min-tokens",
                               "1"});
  const wire::Sampling& sampling = parsed.sampling;
  BOOST_TEST(*sampling.temperature == 0.5);
  BOOST_TEST(*sampling.presence_penalty == -1);
  BOOST_TEST(*sampling.seed == 18446744073709551615ull);
  BOOST_TEST(sampling.stop.size() == 2u);
  BOOST_TEST(sampling.stop_token_ids[0] == 7);
  BOOST_TEST(*sampling.include_stop_str_in_output);
  BOOST_TEST(!*sampling.skip_special_tokens);
  BOOST_TEST((sampling.logit_bias[0] == std::pair<wire::Token, double>{5, -1.5}));
  // What the parser takes, the wire takes: both read one table.
  wire::Generate generate;
  generate.input = "x";
  generate.sampling = sampling;
  BOOST_TEST(wire::decode_request(wire::encode(wire::Request{"i", generate})).index() == 0u);
}

BOOST_AUTO_TEST_CASE(mistakes_name_option_value_and_limit) {
  const auto error = [](std::vector<std::string> arguments) {
    return usage_error([&] { parse(arguments); });
  };
  BOOST_TEST(error({"--top-p", "0"}) == "--top-p must be above 0 and at most 1, got 0");
  BOOST_TEST(error({"--temperature", "hot"}) == "--temperature needs a number, got 'hot'");
  BOOST_TEST(error({"--temperature", "nan"}) == "--temperature needs a finite number, got nan");
  BOOST_TEST(error({"--max-tokens", "5x"}) == "--max-tokens needs an integer, got '5x'");
  BOOST_TEST(error({"--max-tokens", "99999999999999999999"}) ==
             "--max-tokens needs an integer, got '99999999999999999999'");
  BOOST_TEST(error({"--max-tokens"}) == "--max-tokens needs a value: N");
  BOOST_TEST(error({"--loud=yes"}) == "--loud takes no value");
  BOOST_TEST(error({"--temprature", "1"}) ==
             "unknown option --temprature (did you mean '--temperature'?)");
  BOOST_TEST(error({"--xyzzy"}) == "unknown option --xyzzy");
  BOOST_TEST(error({"--logit-bias", "5"}) == "--logit-bias needs ID=BIAS, got '5'");
  BOOST_TEST(error({"--logit-bias", "5=200"}) == "--logit-bias must be from -100 to 100, got 200");
  BOOST_TEST(error({"--stop", ""}) == "--stop must not be empty");
  std::vector<std::string> many;
  for (int i = 0; i < 17; ++i) many.insert(many.end(), {"--stop", "x"});
  BOOST_TEST(error(many) == "--stop may come at most 16 times");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(cli_text)

BOOST_AUTO_TEST_CASE(the_nearest_word_is_suggested_and_a_far_one_is_not) {
  const std::vector<std::string_view> words = {"generate", "status", "ps", "top"};
  BOOST_TEST(*nearest("genrate", words) == "generate");
  BOOST_TEST(*nearest("satus", words) == "status");
  BOOST_TEST(*nearest("sp", words) == "ps");  // a swap is one slip
  BOOST_TEST(!nearest("elephant", words).has_value());
  BOOST_TEST(!nearest("", words).has_value());
}

BOOST_AUTO_TEST_CASE(quoted_text_cannot_drive_a_terminal_and_stays_short) {
  BOOST_TEST(in_quotes("a\x1b[2Jb\n") == "'a\\x1b[2Jb\\x0a'");
  BOOST_TEST(in_quotes("ü\xff") == "'ü\\xff'");
  BOOST_TEST(in_quotes("aüü", 4) == "'aü'... (5 bytes)");
}

BOOST_AUTO_TEST_CASE(utf8_is_judged_as_unicode_does) {
  for (const char* good : {"", "abc", "ü", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf", "👋"})
    BOOST_TEST(!find_broken_utf8(good).has_value());
  const std::pair<const char*, std::size_t> broken[] = {{"\x80", 0},
                                                        {"a\xc3", 1},
                                                        {"\xc0\xaf", 0},
                                                        {"\xe0\x9f\xbf", 0},
                                                        {"\xed\xa0\x80", 0},
                                                        {"\xf0\x8f\xbf\xbf", 0},
                                                        {"\xf4\x90\x80\x80", 0},
                                                        {"ok\xf5\x80\x80\x80", 2}};
  for (const auto& [text, at] : broken) BOOST_TEST(find_broken_utf8(text).value() == at);
}

BOOST_AUTO_TEST_CASE(numbers_read_as_people_say_them) {
  BOOST_TEST(human_bytes(512) == "512 B");
  BOOST_TEST(human_bytes(1.5 * 1024 * 1024 * 1024) == "1.5 GiB");
  BOOST_TEST(human_count(134515008) == "135 M");
  BOOST_TEST(human_seconds(0.015) == "15 ms");
  BOOST_TEST(human_seconds(0.0096) == "9.6 ms");
  BOOST_TEST(human_seconds(0.4321) == "432 ms");
  BOOST_TEST(human_seconds(125) == "2 min 5 s");
  BOOST_TEST(human_seconds(7500) == "2 h 5 min");
  BOOST_TEST(human_value("queue_ms", 1500) == "1.5 s");
  BOOST_TEST(human_value("busy_share", 0.426) == "43 %");
  BOOST_TEST(human_value("number", 12) == "12");
  BOOST_TEST(human_value("tokens_per_s", 1234.0) == "1.2 k/s");
  BOOST_TEST(human_value("steps_per_s", 7.5) == "7.5/s");
  BOOST_TEST(human_value("flops_per_s", 0) == "0 FLOP/s");
  BOOST_TEST(human_value("flops", 2.5e9) == "2.5 GFLOP");
}

BOOST_AUTO_TEST_CASE(tables_align_by_characters_and_take_rows_that_differ) {
  std::ostringstream out;
  print_table(out, wire::Json::parse(
                       R"([{"name":"ü","max_bytes":1024},{"name":"abc","state":"waiting"}])"));
  BOOST_TEST(out.str() == "NAME  MAX      STATE\nü     1.0 KiB  \nabc            waiting\n");
}

BOOST_AUTO_TEST_CASE(headings_leave_the_unit_to_the_value) {
  std::ostringstream out;
  print_table(
      out, wire::Json::parse(R"([{"age_ms":2000,"page_seconds":3,"flops_per_s":0,"bytes":1024}])"));
  BOOST_TEST(out.str() ==
             "AGE    PAGE SECONDS  FLOPS     BYTES\n"
             "2.0 s  3.0 s         0 FLOP/s  1.0 KiB\n");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(cli_chat)

BOOST_AUTO_TEST_CASE(a_conversation_sends_all_that_was_said) {
  Conversation conversation;
  conversation.set_system("Be brief.");
  conversation.ask("Why?");
  conversation.answer("Because.");
  conversation.ask("Really?");
  BOOST_TEST(conversation.messages().size() == 4u);
  BOOST_TEST(conversation.messages()[0].role == "system");
  BOOST_TEST(conversation.messages()[2].role == "assistant");
  conversation.take_back();
  BOOST_TEST(conversation.messages().back().content == "Because.");
  conversation.clear();
  BOOST_TEST(conversation.messages().size() == 1u);  // the system text stays
}

BOOST_AUTO_TEST_CASE(slash_commands_are_told_from_questions) {
  using Kind = ChatInput::Kind;
  BOOST_TEST((parse_chat_input("/bye").kind == Kind::bye));
  BOOST_TEST((parse_chat_input("  /clear ").kind == Kind::clear));
  BOOST_TEST((parse_chat_input("/help").kind == Kind::help));
  BOOST_TEST(parse_chat_input("/system Be brief.").text == "Be brief.");
  BOOST_TEST((parse_chat_input("/clera").kind == Kind::unknown));
  BOOST_TEST((parse_chat_input("/etc/hosts is what?").kind == Kind::question));
  BOOST_TEST((parse_chat_input("1/2").kind == Kind::question));
  BOOST_TEST((parse_chat_input(" \n").kind == Kind::nothing));
}

BOOST_AUTO_TEST_CASE(triple_quotes_join_lines) {
  LineJoiner joiner;
  BOOST_TEST(*joiner.add("plain \"\"\" inside") == "plain \"\"\" inside");
  BOOST_TEST(!joiner.add("\"\"\"first").has_value());
  BOOST_TEST(joiner.open());
  BOOST_TEST(!joiner.add("  second").has_value());
  BOOST_TEST(*joiner.add("third\"\"\"") == "first\n  second\nthird");
  BOOST_TEST(!joiner.open());
  BOOST_TEST(*joiner.add("\"\"\"one line\"\"\"") == "one line");
  BOOST_TEST(!joiner.add("/system \"\"\"").has_value());
  BOOST_TEST(*joiner.add("be\"\"\"") == "/system \nbe");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(cli_bench)

BOOST_AUTO_TEST_CASE(percentiles_are_by_nearest_rank) {
  // The example of en.wikipedia.org/wiki/Percentile, "Worked examples of the nearest-rank method".
  const std::vector<double> values = {15, 20, 35, 40, 50};
  BOOST_TEST(percentile(values, 0.05) == 15);
  BOOST_TEST(percentile(values, 0.30) == 20);
  BOOST_TEST(percentile(values, 0.40) == 20);
  BOOST_TEST(percentile(values, 0.50) == 35);
  BOOST_TEST(percentile(values, 1.00) == 50);
  BOOST_TEST(percentile({}, 0.5) == 0);
}

BOOST_AUTO_TEST_CASE(a_summary_adds_up) {
  // Two answers of 5 tokens, first after 0.1 and 0.3 s, then 0.1 s a token; one failure, which
  // counts nowhere else.
  const std::vector<Sample> samples = {
      {0, 0.1, 0.5, 10, 0, 5, false}, {1, 1.3, 1.7, 20, 8, 5, false}, {0, 0, 0, 0, 0, 0, true}};
  const wire::Json summary = summarise(samples, 2.0);
  BOOST_TEST(summary["requests"] == 3);
  BOOST_TEST(summary["failed"] == 1);
  BOOST_TEST(summary["requests_per_s"].get<double>() == 1.0);
  BOOST_TEST(summary["output_tokens_per_s"].get<double>() == 5.0);
  BOOST_TEST(summary["total_tokens_per_s"].get<double>() == 20.0);
  BOOST_TEST(summary["ttft_ms"]["p50"].get<double>() == 100.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(summary["ttft_ms"]["p99"].get<double>() == 300.0, boost::test_tools::tolerance(1e-9));
  BOOST_TEST(summary["tpot_ms"]["p50"].get<double>() == 100.0, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
