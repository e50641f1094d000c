// The commands that ask one question and print the answer.
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>

#include "client/cli/command.hpp"
#include "client/cli/terminal.hpp"

namespace nanoflow::cli {

int ping_command(Invocation& invocation) {
  OptionSet options;
  invocation.parse(options);
  Client client = invocation.connect();
  const auto start = std::chrono::steady_clock::now();
  client.request(wire::Ping{});
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  if (invocation.json)
    print_json({{"endpoint", client.endpoint()}, {"milliseconds", took.count()}});
  else
    std::cout << "the daemon at " << client.endpoint() << " answered in " << took.count()
              << " ms\n";
  return exit_done;
}

int metrics_command(Invocation& invocation) {
  OptionSet options;
  invocation.parse(options);
  const wire::Json answer = invocation.connect().request(wire::Metrics{});
  if (invocation.json)
    print_json(answer);
  else
    std::cout << answer.at("text").get<std::string>();
  return exit_done;
}

int cancel_command(Invocation& invocation) {
  OptionSet options;
  const auto words = invocation.parse(options, 1, 1);
  const long number = parse_integer("NUMBER", words[0], {0, 9e15});
  const wire::Json answer = invocation.connect().request(wire::Cancel{std::uint64_t(number)});
  if (invocation.json)
    print_json(answer);
  else
    std::cout << "cancelled request " << number << '\n';
  return exit_done;
}

int trace_command(Invocation& invocation) {
  wire::Trace trace;
  OptionSet options;
  options.value("--seconds", "X", "how long to record (1)", trace.seconds, {0, 60, true});
  const auto words = invocation.parse(options, 0, 1);
  const wire::Json answer = invocation.connect().request(trace);
  if (words.empty()) {
    print_json(answer);
    return exit_done;
  }
  std::ofstream file(words[0]);
  file << to_text(answer) << '\n';
  if (!file.flush()) throw std::runtime_error("cannot write " + words[0]);
  std::cerr << "wrote " << words[0] << "; a trace viewer opens it\n";
  return exit_done;
}

int version_command(Invocation& invocation) {
  OptionSet options;
  invocation.parse(options);
  if (invocation.json)
    print_json({{"version", NANOFLOW_VERSION}, {"wire", wire::version}});
  else
    std::cout << "nanoflow " << NANOFLOW_VERSION << " (wire version " << wire::version << ")\n";
  return exit_done;
}

int help_command(Invocation& invocation) {
  OptionSet options;
  const auto words = invocation.parse(options, 0, 1);
  if (!words.empty()) {
    const Command& command = find_command(words[0]);
    Invocation about(command, {"--help"});
    return command.run(about);
  }
  std::cout << "nanoflow COMMAND [OPTIONS]: talk to nanoflowd, which serves language models\n\n";
  for (const Command& command : commands()) {
    const std::string call = std::string(command.name) + " " + std::string(command.arguments);
    std::cout << "  " << call << std::string(call.size() < 24 ? 24 - call.size() : 1, ' ')
              << command.summary << '\n';
  }
  std::cout << "\nnanoflow help COMMAND explains one. Exit codes: 0 done, 1 the request failed,\n"
               "2 wrong usage, 3 no daemon there.\n";
  return exit_done;
}

}  // namespace nanoflow::cli
