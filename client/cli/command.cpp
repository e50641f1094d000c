#include "client/cli/command.hpp"

#include <array>
#include <fstream>
#include <iostream>
#include <iterator>

#include "client/suggest.hpp"

namespace nanoflow::cli {
namespace {

constexpr std::array table = {
    Command{"run", "[MODEL] [PROMPT]", "ask a question, or chat", run_command},
    Command{"generate", "[PROMPT]", "continue a text, with every sampling option",
            generate_command},
    Command{"models", "", "list the loaded models", models_command},
    Command{"load", "NAME|PATH", "load a model", load_command},
    Command{"unload", "NAME", "unload a model", unload_command},
    Command{"pull", "NAME|URL", "fetch a model into the model folder", pull_command},
    Command{"ps", "", "list the running and waiting requests", ps_command},
    Command{"cancel", "NUMBER", "end a request that ps lists", cancel_command},
    Command{"status", "", "show what the daemon is doing", status_command},
    Command{"top", "", "watch what the daemon is doing", top_command},
    Command{"ping", "", "see whether the daemon answers", ping_command},
    Command{"tokenize", "[TEXT]", "turn text into token ids", tokenize_command},
    Command{"detokenize", "[ID]...", "turn token ids into text", detokenize_command},
    Command{"template", "", "render a chat template, without a daemon", template_command},
    Command{"bench", "", "measure a running daemon", bench_command},
    Command{"plan", "[explain]", "show the schedules the daemon chose, or simulate a device",
            plan_command},
    Command{"trace", "[FILE]", "record a timeline for trace viewers", trace_command},
    Command{"metrics", "", "print the metrics as Prometheus reads them", metrics_command},
    Command{"completion", "", "print the completion script for bash", completion_command},
    Command{"version", "", "print the version", version_command},
    Command{"help", "[COMMAND]", "explain a command", help_command},
};

constexpr std::size_t max_input_bytes = 64 << 20;

}  // namespace

std::span<const Command> commands() {
  return table;
}

const Command& find_command(const std::string& name) {
  std::vector<std::string_view> names;
  for (const Command& command : table) {
    if (command.name == name) return command;
    names.push_back(command.name);
  }
  throw UsageError("unknown command " + in_quotes(name) + did_you_mean(name, names));
}

Invocation::Invocation(const Command& command, std::vector<std::string> arguments)
    : command_(command), arguments_(std::move(arguments)) {}

std::vector<std::string> Invocation::parse(OptionSet& options, std::size_t min_words,
                                           std::size_t max_words) {
  bool help = false;
  options.heading("Everywhere");
  options.value("--endpoint", "URI", "where the daemon is (NANOFLOW_ENDPOINT, user's, system's)",
                endpoint);
  options.flag("--json", "print JSON instead of text", json);
  options.flag("--help", "print this", help);
  // Asked by the completion command, before anything else is looked at.
  if (!arguments_.empty() && arguments_.back() == "--list-options") {
    for (const std::string& name : options.names()) std::cout << name << ' ';
    throw Exit{exit_done};
  }
  std::vector<std::string> words = options.parse(arguments_);
  if (help) {
    std::cout << "nanoflow " << command_.name << (command_.arguments.empty() ? "" : " ")
              << command_.arguments << " [OPTIONS]: " << command_.summary << "\n";
    options.print_help(std::cout);
    throw Exit{exit_done};
  }
  if (words.size() < min_words)
    throw UsageError("nanoflow " + std::string(command_.name) + " needs " +
                     std::string(command_.arguments));
  if (words.size() > max_words)
    throw UsageError("unexpected argument " + in_quotes(words[max_words]) +
                     (max_words ? " (quote a text of several words)" : ""));
  return words;
}

Client Invocation::connect() const {
  Client client(endpoint);
  try {
    client.request(wire::Hello{wire::version, "nanoflow " NANOFLOW_VERSION});
  } catch (const RequestFailed& failed) {
    if (failed.error.code == wire::ErrorCode::unsupported_version) throw;
  }
  return client;
}

std::string to_text(const wire::Json& value, int indent) {
  return value.dump(indent, ' ', false, wire::Json::error_handler_t::replace);
}

void print_json(const wire::Json& value) {
  std::cout << to_text(value) << std::endl;
}

std::string read_stdin() {
  std::string text;
  char block[65536];
  while (std::cin.read(block, sizeof block) || std::cin.gcount() > 0) {
    text.append(block, std::size_t(std::cin.gcount()));
    if (text.size() > max_input_bytes) throw UsageError("standard input exceeds 64 MiB");
  }
  return text;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UsageError("cannot read " + in_quotes(path, 4096));
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace nanoflow::cli
