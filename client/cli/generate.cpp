#include <unistd.h>

#include <iostream>

#include "client/cli/answer.hpp"

namespace nanoflow::cli {

int generate_command(Invocation& invocation) {
  wire::Generate request;
  bool whole = false, stats = false;
  OptionSet options;
  options.value("--model", "NAME", "the model, where several are loaded", request.model);
  options.value("--tokens", "ID,ID,...", "token ids instead of a text",
                [&](const std::string& text) {
                  std::vector<wire::Token> tokens;
                  for (std::size_t begin = 0; begin <= text.size();) {
                    const std::size_t end = std::min(text.find(',', begin), text.size());
                    tokens.push_back(wire::Token(parse_integer(
                        "--tokens", text.substr(begin, end - begin), {0, wire::max_int - 1.0})));
                    begin = end + 1;
                  }
                  request.input = std::move(tokens);
                });
  options.flag("--no-stream", "wait for the whole answer", whole);
  options.flag("--stats", "say how fast it was, on standard error", stats);
  options.heading("Sampling (in parentheses what holds unless the model says otherwise)");
  options.sampling(request.sampling);
  options.heading("Scheduling");
  options.value("--priority", "N", "the larger goes first (0)", request.priority,
                {-1.0 * wire::max_int, wire::max_int - 1.0});
  options.value("--timeout-ms", "N", "end after this time", request.timeout_ms, {1, wire::max_int});
  options.value("--max-tpot-ms", "N", "refuse if a token would take longer", request.max_tpot_ms,
                {1, wire::max_int});
  options.value("--cache-salt", "TEXT", "share the prefix cache only with the same text",
                request.cache_salt);
  const auto words = invocation.parse(options, 0, 1);
  const bool have_tokens = std::holds_alternative<std::vector<wire::Token>>(request.input);
  if (have_tokens && !words.empty()) throw UsageError("a prompt and --tokens exclude each other");
  if (!have_tokens) {
    if (words.empty() && isatty(STDIN_FILENO))
      throw UsageError("generate needs a prompt, as an argument or on standard input");
    request.input = words.empty() || words[0] == "-" ? read_stdin() : words[0];
  }
  request.stream = !whole;
  Client client = invocation.connect();
  Interrupt interrupt;
  const Answer answer = stream_answer(client, interrupt, request, invocation.json);
  if (!invocation.json) {
    if (whole)
      for (const auto& choice : answer.done.choices) std::cout << choice.text;
    std::cout << std::endl;
    print_cut(answer.done, request.sampling);
  }
  if (stats) std::cerr << describe_speed(answer.done) << '\n';
  return answer.done.finish_reason == "cancelled" || answer.done.finish_reason == "timeout"
             ? exit_failed
             : exit_done;
}

}  // namespace nanoflow::cli
