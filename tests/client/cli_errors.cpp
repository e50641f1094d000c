// What the command line says when something did not work, and its exit codes.
#include <grp.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "client/cli/explain.hpp"
#include "tests/client/cli_fixture.hpp"

namespace {

using namespace nanoflow;
using namespace nanoflow::cli;

BOOST_FIXTURE_TEST_SUITE(cli_errors, test::CliFixture)

BOOST_AUTO_TEST_CASE(a_cut_answer_says_whether_the_limit_or_the_context_ended_it) {
  set(ending, cut_after(60));
  BOOST_TEST(run({"run", "Hi"}) == 0);
  BOOST_TEST(err == "[cut: the context of 64 tokens is full]\n");
  BOOST_TEST(run({"generate", "Hi", "--max-tokens", "61"}) == 0);
  BOOST_TEST(err == "[cut: the context of 64 tokens is full]\n");
  BOOST_TEST(run({"run", "Hi", "--max-tokens", "60"}) == 0);
  BOOST_TEST(err == "[cut after 60 tokens (--max-tokens)]\n");
  set(ending, cut_after(512));
  BOOST_TEST(run({"run", "Hi"}) == 0);
  BOOST_TEST(err == "[cut at the limit of tokens (--max-tokens gives more)]\n");
  // Of several choices, usage counts all: the first one's own count tells.
  auto both = cut_after(120);
  both->choices = {{"length", 60, {}, {}, {}}, {"length", 60, {}, {}, {}}};
  set(ending, both);
  BOOST_TEST(run({"generate", "Hi", "--n", "2", "--max-tokens", "61"}) == 0);
  BOOST_TEST(err == "[cut: the context of 64 tokens is full]\n");
}

BOOST_AUTO_TEST_CASE(run_without_a_model_tells_how_to_get_one) {
  set(loaded, wire::Json::array());
  BOOST_TEST(run({"run", "Hi"}) == 1);
  BOOST_TEST(err.find("nanoflow run other") != std::string::npos);
  set(available, wire::Json::array());
  BOOST_TEST(run({"run", "Hi"}) == 1);
  BOOST_TEST(err.find("nanoflow pull smollm2") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_model_that_is_nowhere_comes_with_how_to_find_one) {
  const auto both_ways = [&] {
    return err.find("nanoflow models --available") != err.npos &&
           err.find("nanoflow pull") != err.npos;
  };
  BOOST_TEST(run({"run", "--model", "nope", "Hi"}) == 1);
  BOOST_TEST(err.find("model: 'nope' is neither loaded nor in the model folder") != err.npos);
  BOOST_TEST(both_ways());
  set(loaded, wire::Json::array());
  BOOST_TEST(run({"run", "--model", "nope", "Hi"}) == 1);
  BOOST_TEST(both_ways());
  set<wire::EventBody>(refusal, error(wire::ErrorCode::not_found, "name: no model 'nope' in /m"));
  BOOST_TEST(run({"load", "nope"}) == 1);
  BOOST_TEST(err.find("nanoflow: name: no model 'nope' in /m; ") == 0u);
  BOOST_TEST(both_ways());
  set<wire::EventBody>(refusal, error(wire::ErrorCode::load_failed, "no GGUF file"));
  BOOST_TEST(run({"load", "nope"}) == 1);
  BOOST_TEST(!both_ways());
}

BOOST_AUTO_TEST_CASE(an_empty_question_is_wrong_usage) {
  for (const char* question : {"", " \n"}) {
    BOOST_TEST(run({"run", question}) == 2);
    BOOST_TEST(err.find("the question is empty") != std::string::npos);
    BOOST_TEST(run({"run", "tiny", question}) == 2);
    std::istringstream input(question);
    std::streambuf* before = std::cin.rdbuf(input.rdbuf());
    BOOST_TEST(run({"run", "-"}) == 2);
    std::cin.rdbuf(before);
    BOOST_TEST(err.find("the question is empty") != std::string::npos);
  }
  for (const auto& operation : asked)
    BOOST_TEST(!std::holds_alternative<wire::Generate>(operation));
}

BOOST_AUTO_TEST_CASE(a_failed_request_is_exit_code_1_with_the_reason) {
  set<wire::EventBody>(
      failure, error(wire::ErrorCode::prompt_too_long, "the prompt has 90 tokens, the context 64"));
  BOOST_TEST(run({"generate", "x"}) == 1);
  BOOST_TEST(err == "nanoflow: the prompt has 90 tokens, the context 64 (prompt_too_long)\n");
  BOOST_TEST(run({"generate", "x", "--json"}) == 1);
  BOOST_TEST(wire::Json::parse(out)["code"] == "prompt_too_long");
}

BOOST_AUTO_TEST_CASE(with_json_every_error_is_one_object) {
  const auto code_of = [&](int exit, std::vector<std::string> command) {
    command.push_back("--json");
    BOOST_TEST(run(command) == exit, command[0]);
    BOOST_TEST(err.find("nanoflow: ") == 0u);
    const wire::Json error = wire::Json::parse(out);  // throws where there is more than one
    BOOST_TEST(error["event"] == "error");
    BOOST_TEST(!error["message"].get<std::string>().empty());
    return error["code"].get<std::string>();
  };
  set<wire::EventBody>(refusal, error(wire::ErrorCode::load_failed, "no"));
  for (const auto& command : std::vector<std::vector<std::string>>{{"load", "m"},
                                                                   {"unload", "m"},
                                                                   {"models"},
                                                                   {"status"},
                                                                   {"ps"},
                                                                   {"ping"},
                                                                   {"plan"},
                                                                   {"metrics"},
                                                                   {"trace"},
                                                                   {"tokenize", "x"},
                                                                   {"generate", "x"},
                                                                   {"run", "x"}})
    BOOST_TEST(code_of(1, command) == "load_failed", command[0]);
  BOOST_TEST(code_of(2, {"pull", "smolm2"}) == "wrong_usage");
  BOOST_TEST(code_of(2, {"generat"}) == "wrong_usage");
  BOOST_TEST(code_of(1, {"pull", "file:///no/such.gguf", "--dir", daemon.folder.path}) == "failed");
  set<wire::EventBody>(refusal, {});
  set(loaded, wire::Json::array());
  BOOST_TEST(code_of(1, {"run", "x"}) == "failed");
  daemon.stop();
  BOOST_TEST(code_of(3, {"cancel", "1"}) == "no_daemon");
}

BOOST_AUTO_TEST_CASE(wrong_usage_is_exit_code_2) {
  BOOST_TEST(run({"generat", "x"}) == 2);
  BOOST_TEST(err.find("did you mean 'generate'?") != std::string::npos);
  BOOST_TEST(run({"generate", "x", "y"}) == 2);
  BOOST_TEST(run({"generate", "x", "--top-p", "2"}) == 2);
  BOOST_TEST(run({"cancel"}) == 2);
  BOOST_TEST(run({"cancel", "x"}) == 2);
  BOOST_TEST(run({"template"}) == 2);
  BOOST_TEST(run({"pull", "smolm2"}) == 2);
  BOOST_TEST(err.find("did you mean 'smollm2'?") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_daemon_is_exit_code_3) {
  daemon.stop();
  BOOST_TEST(run({"ping"}) == 3);
  BOOST_TEST(err.find("systemctl start nanoflowd") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_first_use_is_told_what_to_do) {
  BOOST_TEST(explain(NoDaemon({{"ipc:///x", ENOENT}})).find("systemctl start nanoflowd") !=
             std::string::npos);
  const std::string forbidden =
      explain(NoDaemon({{"ipc:///x", ECONNREFUSED}, {"ipc:///y", EACCES}}));
  BOOST_TEST(forbidden.find("sudo usermod -aG nanoflow $USER") != std::string::npos);
  BOOST_TEST(forbidden.find("newgrp nanoflow)") != std::string::npos);
  BOOST_TEST(explain_no_model(wire::Json::array()).find("nanoflow pull smollm2") !=
             std::string::npos);
  BOOST_TEST(explain_no_model(wire::Json::parse(R"([{"name":"m7"}])")).find("nanoflow run m7") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(who_may_not_open_a_socket_is_told_the_socket_s_own_group) {
  const test::TemporaryFolder folder;
  const std::string path = (folder.path / "x.sock").string();
  std::ofstream(path) << "a file has a group as well";
  const group* games = getgrnam("games");  // a group that every Debian has; only root may give it
  const bool given = games && chown(path.c_str(), uid_t(-1), games->gr_gid) == 0;
  const group* own = getgrgid(getegid());
  BOOST_REQUIRE((given || own));
  const std::string name = given ? "games" : own->gr_name;
  const std::string text = explain(NoDaemon({{"ipc:///x", ENOENT}, {"ipc://" + path, EACCES}}));
  BOOST_TEST(text.find("and the group " + name + " only") != std::string::npos);
  BOOST_TEST(text.find("sudo usermod -aG " + name + " $USER") != std::string::npos);
  BOOST_TEST(text.find("newgrp " + name + ")") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
