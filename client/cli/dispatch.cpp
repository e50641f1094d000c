// Finds the command by its name, and turns what goes wrong into exit codes.
#include <algorithm>
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

bool wants_json(const std::vector<std::string>& arguments) {
  const auto end = std::find(arguments.begin(), arguments.end(), "--");
  return std::find(arguments.begin(), end, "--json") != end;
}

/// What went wrong, for a person on standard error; with --json also as the wire's error event on
/// standard output.
class Report {
 public:
  explicit Report(bool json) : json_(json) {}

  int fail(ExitCode exit, const RequestFailed& failed) const {
    return print(exit, wire::to_json({only_request, failed.error}), explain(failed));
  }
  /// A failure that has no code on the wire.
  int fail(ExitCode exit, const char* code, const std::string& text) const {
    wire::Error error;
    error.message = text.substr(0, text.find_last_not_of('\n') + 1);
    wire::Json event = wire::to_json({only_request, error});
    event["code"] = code;
    return print(exit, event, error.message + "\n");
  }

 private:
  static inline const wire::RequestId only_request{std::uint64_t(1)};

  int print(ExitCode exit, const wire::Json& event, const std::string& text) const {
    if (json_) print_json(event);
    std::cerr << "nanoflow: " << text;
    return exit;
  }
  bool json_;
};

}  // namespace

int run_cli(std::vector<std::string> arguments) {
  const Report report(wants_json(arguments));
  try {
    return run(std::move(arguments));
  } catch (const Exit& exit) {
    return exit.code;
  } catch (const UsageError& error) {
    const int code = report.fail(exit_usage, "wrong_usage", error.what());
    std::cerr << "(see nanoflow help)\n";
    return code;
  } catch (const NoDaemon& error) {
    return report.fail(exit_no_daemon, "no_daemon", explain(error));
  } catch (const RequestFailed& error) {
    return report.fail(exit_failed, error);
  } catch (const std::exception& error) {
    return report.fail(exit_failed, "failed", error.what());
  }
}

}  // namespace nanoflow::cli
