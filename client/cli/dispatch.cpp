// Finds the command by its name, and turns what goes wrong into exit codes.
#include <iostream>

#include "client/cli/command.hpp"
#include "client/cli/explain.hpp"

namespace nanoflow::cli {
namespace {

int run(std::vector<std::string> arguments) {
  // Options before the command (nanoflow --endpoint URI ps) belong to it all the same.
  std::vector<std::string> leading;
  while (!arguments.empty() && arguments[0].starts_with("-") && arguments[0] != "--help" &&
         arguments[0] != "--version") {
    const bool takes_value = arguments[0] == "--endpoint" && arguments.size() > 1;
    leading.insert(leading.end(), arguments.begin(), arguments.begin() + (takes_value ? 2 : 1));
    arguments.erase(arguments.begin(), arguments.begin() + (takes_value ? 2 : 1));
  }
  std::string name = arguments.empty() ? "help" : arguments[0];
  if (name == "--help") name = "help";
  if (name == "--version") name = "version";
  const Command& command = find_command(name);
  if (!arguments.empty()) arguments.erase(arguments.begin());
  arguments.insert(arguments.begin(), leading.begin(), leading.end());
  Invocation invocation(command, std::move(arguments));
  return command.run(invocation);
}

}  // namespace

int run_cli(std::vector<std::string> arguments) {
  try {
    return run(std::move(arguments));
  } catch (const Exit& exit) {
    return exit.code;
  } catch (const UsageError& error) {
    std::cerr << "nanoflow: " << error.what() << "\n(see nanoflow help)\n";
    return exit_usage;
  } catch (const NoDaemon& error) {
    std::cerr << "nanoflow: " << explain(error);
    return exit_no_daemon;
  } catch (const RequestFailed& error) {
    std::cerr << "nanoflow: " << explain(error);
    return exit_failed;
  } catch (const std::exception& error) {
    std::cerr << "nanoflow: " << error.what() << '\n';
    return exit_failed;
  }
}

}  // namespace nanoflow::cli
