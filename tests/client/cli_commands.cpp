// Whole commands against a fake daemon: what is asked, what is printed, which exit code.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "tests/client/cli_fixture.hpp"

namespace {

using namespace nanoflow;
BOOST_FIXTURE_TEST_SUITE(cli_commands, test::CliFixture)

BOOST_AUTO_TEST_CASE(run_asks_by_the_chat_template_and_prints_the_answer) {
  BOOST_TEST(run({"run", "What is gravity?", "--system", "Be brief.", "--temperature", "0"}) == 0);
  BOOST_TEST(out == "Hello world\n");
  BOOST_REQUIRE(last_messages().size() == 2u);
  BOOST_TEST(last_messages()[0].role == "system");
  BOOST_TEST(last_messages()[1].content == "What is gravity?");
  BOOST_TEST(*last<wire::Generate>().sampling.temperature == 0);
}

BOOST_AUTO_TEST_CASE(runs_first_word_may_name_a_model_which_is_loaded_where_needed) {
  BOOST_TEST(run({"run", "tiny", "Hi"}) == 0);
  BOOST_TEST(last<wire::Generate>().model == "tiny");
  BOOST_TEST(run({"run", "other", "Hi"}) == 0);
  BOOST_TEST(last<wire::Load>().name == "other");
  BOOST_TEST(last<wire::Generate>().model == "other");
  BOOST_TEST(run({"run", "unknown", "Hi"}) == 2);
}

BOOST_AUTO_TEST_CASE(generate_prints_events_as_json_lines) {
  BOOST_TEST(run({"generate", "Once", "--json", "--logprobs", "2", "--priority", "-3"}) == 0);
  std::istringstream lines(out);
  std::vector<std::string> events;
  for (std::string line; std::getline(lines, line);)
    events.push_back(wire::Json::parse(line)["event"]);
  BOOST_TEST(events == (std::vector<std::string>{"accepted", "tokens", "tokens", "done"}),
             boost::test_tools::per_element());
  const auto asked = last<wire::Generate>();
  BOOST_TEST(std::get<std::string>(asked.input) == "Once");
  BOOST_TEST(*asked.sampling.logprobs == 2);
  BOOST_TEST(asked.priority == -3);
}

BOOST_AUTO_TEST_CASE(generate_takes_token_ids) {
  BOOST_TEST(run({"generate", "--tokens", "1,22,333"}) == 0);
  BOOST_TEST(std::get<std::vector<wire::Token>>(last<wire::Generate>().input) ==
                 (std::vector<wire::Token>{1, 22, 333}),
             boost::test_tools::per_element());
  BOOST_TEST(run({"generate", "--tokens", "1,", "x"}) == 2);
}

BOOST_AUTO_TEST_CASE(tables_and_json_show_the_same) {
  BOOST_TEST(run({"ps"}) == 0);
  BOOST_TEST(out == "NUMBER  USER  STATE\n4       ann   decode\n");
  BOOST_TEST(run({"ps", "--json"}) == 0);
  BOOST_TEST(wire::Json::parse(out)[0]["number"] == 4);
  BOOST_TEST(run({"status"}) == 0);
  BOOST_TEST(
      out ==
      "running                 1\nuptime                  1 min 30 s\npages free              3\n"
      "pages total             8\n\nrequests\nNUMBER  USER  STATE\n4       ann   decode\n");
  BOOST_TEST(run({"top", "--count", "1", "--json"}) == 0);
  BOOST_TEST(wire::Json::parse(out)["running"] == 1);
  BOOST_TEST(run({"models"}) == 0);
  BOOST_TEST(out == "NAME  PATH          CONTEXT\ntiny  /m/tiny.gguf  64\n");
  set(available, wire::Json::parse(R"([{"name":"tiny","bytes":2048,"loaded":true},
                                       {"name":"other","bytes":1024,"loaded":false}])"));
  BOOST_TEST(run({"models", "--available"}) == 0);
  BOOST_TEST(out ==
             "NAME   RESERVED  LOADED  FILE\n"
             "tiny   2.0 KiB   yes     \n"
             "other            no      1.0 KiB\n");
  BOOST_TEST(run({"models", "--available", "--json"}) == 0);
  BOOST_TEST(wire::Json::parse(out)["models"][0]["bytes"] ==
             2048);  // JSON stays as the wire has it
}

BOOST_AUTO_TEST_CASE(small_commands_send_what_they_say) {
  BOOST_TEST(run({"cancel", "17"}) == 0);
  BOOST_TEST(daemon.cancels == 1);
  BOOST_TEST(run({"tokenize", "x y", "--no-special"}) == 0);
  BOOST_TEST(out == "5 6\n");
  BOOST_TEST(!last<wire::Tokenize>().add_special);
  BOOST_TEST(run({"detokenize", "1", "2,3"}) == 0);
  BOOST_TEST(out == "hi");
  BOOST_TEST(last<wire::Detokenize>().tokens.size() == 3u);
  BOOST_TEST(run({"load", "other", "--context", "32", "--kv-memory", "50%"}) == 0);
  BOOST_TEST(*last<wire::Load>().kv_memory == "50%");
  BOOST_TEST(run({"load", "./x/../m.gguf"}) == 0);
  BOOST_TEST(last<wire::Load>().path == (std::filesystem::current_path() / "m.gguf").string());
  BOOST_TEST(run({"unload", "other"}) == 0);
  BOOST_TEST(last<wire::Unload>().name == "other");
  BOOST_TEST(run({"trace", "--seconds", "0.5"}) == 0);
  BOOST_TEST(last<wire::Trace>().seconds == 0.5);
  BOOST_TEST((run({"plan", "explain"}) == 0 && last<wire::Plan>().explain));
}

BOOST_AUTO_TEST_CASE(template_names_the_field_that_is_wrong_and_renders_what_templates_take) {
  const std::string source = (daemon.folder.path / "t.jinja").string();
  const std::string file = (daemon.folder.path / "messages.json").string();
  std::ofstream(source) << "{% for m in messages %}{{ m.role }}{{ ',' }}{% endfor %}";
  const auto render = [&](const std::string& messages) {
    std::ofstream(file) << messages;
    return run({"template", "--from", source, "--messages", file});
  };
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"a":1})", "messages is missing"},
      {R"("x")", "messages must be an array"},
      {R"([])", "messages must not be empty"},
      {R"({"messages":{}})", "messages must be an array"},
      {R"([1])", "messages[0] must be an object"},
      {R"([{"role":"user"}])", "messages[0].content is missing"},
      {R"([{"role":"user","content":"x"},{"content":"x"}])", "messages[1].role is missing"},
      {R"([{"role":5,"content":"x"}])", "messages[0].role must be a text"},
      {R"([{"role":"user","content":null}])", "messages[0].content must be a text"}};
  for (const auto& [messages, reason] : wrong) {
    BOOST_TEST(render(messages) == 2, messages);
    BOOST_TEST(err.find(reason) != std::string::npos, err);
  }
  BOOST_TEST(render(R"([{"role":"user","content":[{"type":"text","text":"x"}]},
      {"role":"assistant","tool_calls":[]},{"role":"assistant","content":null,"tool_calls":[]}])") ==
             0);
  BOOST_TEST(out == "user,assistant,assistant,");
  BOOST_TEST(render(R"({"messages":[{"role":"user","content":"x"}],"more":1})") == 0);
}

BOOST_AUTO_TEST_CASE(bench_counts_what_it_sent) {
  BOOST_TEST(run({"bench", "--requests", "12", "--concurrency", "3", "--input-len", "7",
                  "--output-len", "3", "--json"}) == 0);
  const wire::Json summary = wire::Json::parse(out);
  BOOST_TEST(summary["requests"] == 12);
  BOOST_TEST(summary["failed"] == 0);
  BOOST_TEST(summary["output_tokens"] == 36.0);
  BOOST_TEST(std::get<std::vector<wire::Token>>(last<wire::Generate>().input).size() == 7u);
  BOOST_TEST(*last<wire::Generate>().sampling.ignore_eos);
  set<wire::EventBody>(failure, error(wire::ErrorCode::overloaded, "full"));
  BOOST_TEST(run({"bench", "--requests", "5", "--rate", "1000", "--json"}) == 1);
  BOOST_TEST(wire::Json::parse(out)["failed"] == 5);
}

BOOST_AUTO_TEST_CASE(bench_sends_a_workload) {
  const test::TemporaryFolder folder;
  const std::string file = (folder.path / "workload.jsonl").string();
  const auto write = [&](const char* text) { std::ofstream(file) << text; };
  write(R"({"tokens": [1, 2, 3], "max_tokens": 4}
{"prompt": "hi", "max_tokens": 2, "temperature": 1.5, "at": 0.05}
)");
  BOOST_TEST(run({"bench", "--workload", file, "--json"}) == 0);
  const wire::Json summary = wire::Json::parse(out);
  BOOST_TEST(summary["requests"] == 2);
  BOOST_TEST(summary["output_tokens"] == 6.0);
  BOOST_TEST(summary["wall_seconds"].get<double>() >= 0.05);
  const auto& sent = last<wire::Generate>();
  BOOST_TEST(std::get<std::string>(sent.input) == "hi");
  BOOST_TEST((*sent.sampling.temperature == 1.5 && *sent.sampling.ignore_eos));

  write("{\"prompt\": \"hi\", \"at\": -1}\n");
  BOOST_TEST(run({"bench", "--workload", file}) == 2);
  BOOST_TEST(err.find("request 1: at must be") != err.npos);
  write("{\"prompt\": \"hi\", \"max_token\": 1}\n");
  BOOST_TEST(run({"bench", "--workload", file}) == 2);
  BOOST_TEST(err.find("max_token") != err.npos);
}

BOOST_AUTO_TEST_CASE(every_command_has_help_and_completes_its_options) {
  for (const cli::Command& command : cli::commands()) {
    BOOST_TEST(run({"help", std::string(command.name)}) == 0);
    BOOST_TEST(out.find("--json") != std::string::npos, std::string(command.name));
    BOOST_TEST(run({std::string(command.name), "--list-options"}) == 0);
    BOOST_TEST(out.find("--endpoint ") != std::string::npos, std::string(command.name));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
