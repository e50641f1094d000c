// A chat as a person has it, on a pseudo-terminal.
#include <boost/test/unit_test.hpp>

#include "tests/client/cli_fixture.hpp"
#include "tests/client/terminal_session.hpp"

namespace {

using namespace nanoflow;
using test::TerminalSession;

BOOST_FIXTURE_TEST_SUITE(chat_session, test::CliFixture)

BOOST_AUTO_TEST_CASE(a_chat_keeps_its_history_and_obeys_its_commands) {
  TerminalSession session({"run"}, daemon.endpoint, daemon.folder.path);
  BOOST_TEST(session.wait_for(">>> "));
  session.type("/system Be brief.\r");
  BOOST_TEST(session.wait_for("(system text set)"));
  BOOST_TEST(session.wait_for(">>> "));
  session.type("Warum heißt das so?\r");
  BOOST_TEST(session.wait_for("Hello world"));
  BOOST_TEST(session.wait_for(">>> "));
  session.type("\"\"\"And\r");
  BOOST_TEST(session.wait_for("... "));
  session.type("then?\"\"\"\r");
  BOOST_TEST(session.wait_for("Hello world"));
  BOOST_REQUIRE(last_messages().size() == 4u);
  BOOST_TEST(last_messages()[0].content == "Be brief.");
  BOOST_TEST(last_messages()[2].content == "Hello world");
  BOOST_TEST(last_messages()[3].content == "And\nthen?");
  session.type("\x1b[200~pasted\rin grün\r\x1b[201~ text\r");
  BOOST_TEST(session.wait_for("Hello world"));
  BOOST_TEST(last_messages()[5].content == "pasted\nin grün text");
  session.type("/clear\r");
  BOOST_TEST(session.wait_for("(forgotten)"));
  session.type("\x1b[A\x1b[A\x1b[A\x1b[A\x1b[A\r");  // up to the first question
  BOOST_TEST(session.wait_for("Hello world"));
  BOOST_TEST(last_messages().size() == 2u);
  BOOST_TEST(last_messages()[1].content == "Warum heißt das so?");
  session.type("/bye\r");
  BOOST_TEST(session.wait_for_end() == 0);
  BOOST_TEST(std::filesystem::exists(daemon.folder.path / "nanoflow/history"));
}

BOOST_AUTO_TEST_CASE(ctrl_c_ends_an_answer_and_twice_at_the_prompt_leaves) {
  set(endless, true);
  TerminalSession session({"run"}, daemon.endpoint, daemon.folder.path);
  BOOST_TEST(session.wait_for(">>> "));
  session.type("Why?\r");
  BOOST_TEST(session.wait_for("Hello world"));
  session.type("\x03");
  BOOST_TEST(session.wait_for("[cut: cancelled]"));
  BOOST_TEST(daemon.cancels == 1);
  BOOST_TEST(session.wait_for(">>> "));
  session.type("half a line\x03");
  BOOST_TEST(session.wait_for("leaves"));
  BOOST_TEST(session.wait_for(">>> "));
  session.type("\x03");
  BOOST_TEST(session.wait_for_end() == 0);
}

BOOST_AUTO_TEST_CASE(a_full_context_offers_clear_and_the_chat_goes_on) {
  set<wire::EventBody>(
      failure, error(wire::ErrorCode::prompt_too_long, "the prompt has 90 tokens, the context 64"));
  TerminalSession session({"run"}, daemon.endpoint, daemon.folder.path);
  BOOST_TEST(session.wait_for(">>> "));
  session.type("Why?\r");
  BOOST_TEST(session.wait_for("/clear forgets it"));
  BOOST_TEST(session.wait_for(">>> "));
  session.type("\x04");
  BOOST_TEST(session.wait_for_end() == 0);
}

BOOST_AUTO_TEST_CASE(an_answer_that_fills_the_context_offers_clear_and_the_chat_goes_on) {
  set(ending, cut_after(60));
  TerminalSession session({"run"}, daemon.endpoint, daemon.folder.path);
  BOOST_TEST(session.wait_for(">>> "));
  session.type("Why?\r");
  BOOST_TEST(session.wait_for("[cut: the context of 64 tokens is full]"));
  BOOST_TEST(session.wait_for("/clear forgets it"));
  BOOST_TEST(session.wait_for(">>> "));
  set(ending, cut_after(512));
  session.type("/clear\r");
  BOOST_TEST(session.wait_for("(forgotten)"));
  session.type("Why?\r");
  BOOST_TEST(session.wait_for("[cut at the limit of tokens (--max-tokens gives more)]"));
  BOOST_TEST(session.wait_for(">>> "));
  BOOST_TEST(session.screen().find("/clear") == std::string::npos);
  session.type("/bye\r");
  BOOST_TEST(session.wait_for_end() == 0);
}

BOOST_AUTO_TEST_CASE(a_chat_whose_daemon_dies_says_so_and_ends) {
  set(endless, true);
  TerminalSession session({"run"}, daemon.endpoint, daemon.folder.path);
  BOOST_TEST(session.wait_for(">>> "));
  session.type("Why?\r");
  BOOST_TEST(session.wait_for("Hello world"));
  daemon.stop();
  BOOST_TEST(session.wait_for("is gone"));
  BOOST_TEST(session.wait_for_end() == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
