// What every command has in common: its entry in the table, its options, its way to the daemon.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/options.hpp"
#include "client/client.hpp"

namespace nanoflow::cli {

enum ExitCode { exit_done = 0, exit_failed = 1, exit_usage = 2, exit_no_daemon = 3 };

/// Thrown after --help was printed, or by a command that has already said what failed.
struct Exit {
  int code;
};

class Invocation;

struct Command {
  std::string_view name, arguments, summary;
  int (*run)(Invocation& invocation);
};
std::span<const Command> commands();
const Command& find_command(const std::string& name);  // throws UsageError with the nearest name

/// One call of one command.
class Invocation {
 public:
  Invocation(const Command& command, std::vector<std::string> arguments);

  /// Adds --endpoint, --json and --help to the command's options and parses. Throws UsageError when
  /// there are more words than max_words or fewer than min_words, Exit after --help.
  std::vector<std::string> parse(OptionSet& options, std::size_t min_words = 0,
                                 std::size_t max_words = 0);
  /// Throws RequestFailed where the daemon speaks another version of the wire.
  Client connect() const;

  std::string endpoint;
  bool json = false;

 private:
  const Command& command_;
  std::vector<std::string> arguments_;
};

/// The whole program: the exit code for these arguments.
int run_cli(std::vector<std::string> arguments);

/// One JSON value on a line of its own, flushed. Broken UTF-8 becomes U+FFFD.
void print_json(const wire::Json& value);
std::string to_text(const wire::Json& value, int indent = -1);

/// All of standard input. Throws UsageError beyond 64 MiB.
std::string read_stdin();
std::string read_file(const std::string& path);

// The commands, one file each.
int run_command(Invocation& invocation);
int generate_command(Invocation& invocation);
int tokenize_command(Invocation& invocation);
int detokenize_command(Invocation& invocation);
int template_command(Invocation& invocation);
int models_command(Invocation& invocation);
int load_command(Invocation& invocation);
int unload_command(Invocation& invocation);
int pull_command(Invocation& invocation);
int ps_command(Invocation& invocation);
int status_command(Invocation& invocation);
int top_command(Invocation& invocation);
int cancel_command(Invocation& invocation);
int ping_command(Invocation& invocation);
int metrics_command(Invocation& invocation);
int plan_command(Invocation& invocation);
int trace_command(Invocation& invocation);
int bench_command(Invocation& invocation);
int completion_command(Invocation& invocation);
int version_command(Invocation& invocation);
int help_command(Invocation& invocation);

}  // namespace nanoflow::cli
