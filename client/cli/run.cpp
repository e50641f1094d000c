// nanoflow run: one question and its answer, or a chat.
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "client/cli/answer.hpp"
#include "client/cli/chat.hpp"
#include "client/cli/explain.hpp"
#include "client/cli/line_editor.hpp"
#include "client/cli/models.hpp"
#include "client/suggest.hpp"

namespace nanoflow::cli {
namespace {

struct Settings {
  wire::Generate request;
  std::string system;
  bool stats = false;
  bool json = false;
};

bool holds(const wire::Json& models, const std::string& name) {
  for (const auto& model : models)
    if (model.value("name", std::string()) == name) return true;
  return false;
}

wire::Json list_models(Client& client, bool available) {
  return client.request(wire::Models{available}).value("models", wire::Json::array());
}

bool looks_like_file(const std::string& word) {
  std::error_code error;
  return word.find_first_of(" \n") == std::string::npos && std::filesystem::exists(word, error) &&
         (word.ends_with(".gguf") || std::filesystem::is_directory(word, error));
}

/// The first word may name a model that is loaded, one in the model folder, or a model file; what
/// is not loaded yet is loaded. Takes the word away when it did.
void choose_model(Client& client, Settings& settings, std::vector<std::string>& words) {
  std::string& model = settings.request.model;
  const bool given = !model.empty();
  std::string name = given ? model : words.empty() ? "" : words[0];
  const wire::Json loaded = list_models(client, false);
  wire::Load load;
  bool named = given || holds(loaded, name);
  if (!name.empty() && !holds(loaded, name)) {
    if (looks_like_file(name))
      load.path = std::filesystem::absolute(name).lexically_normal().string();
    else if (holds(list_models(client, true), name))
      load.name = name;
  }
  if (!load.path.empty() || !load.name.empty()) {
    const wire::Json answer = load_with_bar(client, load);
    const wire::Json rows = answer.value("models", wire::Json::array());
    if (!load.path.empty())  // the daemon names it; the newest row is it
      for (const auto& row : rows)
        if (row.value("path", std::string()) == load.path) name = row.value("name", name);
    named = true;
  } else if (given && !holds(loaded, name)) {
    throw RequestFailed({wire::ErrorCode::not_found,
                         "model: " + in_quotes(name, 256) +
                             " is neither loaded nor in the model folder; " + how_to_find_models,
                         {},
                         {}});
  } else if (loaded.empty()) {
    throw std::runtime_error(explain_no_model(list_models(client, true)));
  }
  if (!named) return;
  model = name;
  if (!given) words.erase(words.begin());
}

int ask_once(Client& client, Interrupt& interrupt, Settings& settings,
             const std::string& question) {
  Conversation conversation;
  conversation.set_system(settings.system);
  conversation.ask(question);
  settings.request.input = conversation.messages();
  const Answer answer = stream_answer(client, interrupt, settings.request, settings.json);
  if (!settings.json) {
    std::cout << std::endl;
    print_cut(answer.done, settings.request.sampling);
  }
  if (settings.stats) std::cerr << "[" << describe_speed(answer.done) << "]\n";
  return answer.done.finish_reason == "cancelled" || answer.done.finish_reason == "timeout"
             ? exit_failed
             : exit_done;
}

void require_question(const std::string& text) {
  if (parse_chat_input(text).kind == ChatInput::Kind::nothing)
    throw UsageError("the question is empty: run needs one, as an argument or on standard input");
}

constexpr const char* chat_help =
    "  /system TEXT   what the model should be (alone: forget it); starts anew\n"
    "  /clear         forget what was said\n"
    "  /bye           leave (or Ctrl-D)\n"
    "  \"\"\"            begins and ends a text of several lines\n"
    "  Ctrl-C         ends an answer; twice: leaves\n";

constexpr const char* offer_clear = "The conversation fills the context: /clear forgets it.\n";

class Chat {
 public:
  Chat(Client& client, Interrupt& interrupt, Settings& settings)
      : client_(client),
        interrupt_(interrupt),
        settings_(settings),
        editor_(history_path(), interrupt.fd()) {
    conversation_.set_system(settings.system);
  }

  int run() {
    std::cout << "Chat"
              << (settings_.request.model.empty() ? "" : " with " + settings_.request.model)
              << "; /help tells what else there is." << std::endl;
    while (true) {
      const std::optional<std::string> input = read_input();
      if (!input) return exit_done;
      const ChatInput parsed = parse_chat_input(*input);
      if (parsed.kind == ChatInput::Kind::bye) return exit_done;
      obey(parsed);
    }
  }

 private:
  /// None at the end: Ctrl-D, or two Ctrl-C on an empty prompt.
  std::optional<std::string> read_input() {
    LineJoiner joiner;
    bool interrupted = false;
    while (true) {
      interrupt_.clear();
      std::string line;
      const auto result = editor_.read(joiner.open() ? "... " : ">>> ", line);
      if (result == LineEditor::Result::end) return std::nullopt;
      if (result == LineEditor::Result::interrupted) {
        if (interrupted) return std::nullopt;
        interrupted = true;
        joiner.reset();
        std::cout << "(Ctrl-C again, or /bye, leaves)" << std::endl;
        continue;
      }
      interrupted = false;
      editor_.remember(line);
      if (auto whole = joiner.add(line)) return whole;
    }
  }

  void obey(const ChatInput& input) {
    switch (input.kind) {
      case ChatInput::Kind::question:
        return ask(input.text);
      case ChatInput::Kind::system:
        conversation_.set_system(input.text);
        conversation_.clear();
        std::cout << (input.text.empty() ? "(no system text)" : "(system text set)") << std::endl;
        return;
      case ChatInput::Kind::clear:
        conversation_.clear();
        std::cout << "(forgotten)" << std::endl;
        return;
      case ChatInput::Kind::help:
        std::cout << chat_help << std::flush;
        return;
      case ChatInput::Kind::unknown:
        std::cout << "There is no " << input.text << "; there are:\n" << chat_help << std::flush;
        return;
      default:
        return;
    }
  }

  void ask(const std::string& question) {
    conversation_.ask(question);
    settings_.request.input = conversation_.messages();
    try {
      Answer answer = stream_answer(client_, interrupt_, settings_.request, false);
      std::cout << "\n" << std::flush;
      print_cut(answer.done, settings_.request.sampling);
      if (context_is_full(answer.done, settings_.request.sampling)) std::cerr << offer_clear;
      if (settings_.stats) std::cerr << "[" << describe_speed(answer.done) << "]\n";
      if (answer.text.empty())
        conversation_.take_back();
      else
        conversation_.answer(std::move(answer.text));
    } catch (const RequestFailed& failed) {  // the chat goes on
      conversation_.take_back();
      std::cerr << explain(failed);
      if (failed.error.code == wire::ErrorCode::prompt_too_long) std::cerr << offer_clear;
      if (failed.error.code == wire::ErrorCode::shutdown) throw;
    }
  }

  Client& client_;
  Interrupt& interrupt_;
  Settings& settings_;
  LineEditor editor_;
  Conversation conversation_;
};

}  // namespace

int run_command(Invocation& invocation) {
  Settings settings;
  OptionSet options;
  options.value("--model", "NAME", "the model; one that is not loaded yet is loaded",
                settings.request.model);
  options.value("--system", "TEXT", "what the model should be", settings.system);
  options.flag("--stats", "say how fast it was, on standard error", settings.stats);
  options.heading("Sampling (in parentheses what holds unless the model says otherwise)");
  options.sampling(settings.request.sampling);
  std::vector<std::string> words = invocation.parse(options, 0, 2);
  settings.json = invocation.json;
  if (!words.empty()) require_question(words.back());
  Client client = invocation.connect();
  Interrupt interrupt;
  client.set_interrupt_fd(interrupt.fd());
  choose_model(client, settings, words);
  if (words.size() > 1)
    throw UsageError("there is no model named '" + words[0] +
                     "' (quote a question of several words)");
  if (words.empty() && isatty(STDIN_FILENO) && !settings.json)
    return Chat(client, interrupt, settings).run();
  const std::string question = words.empty() || words[0] == "-" ? read_stdin() : words[0];
  require_question(question);
  return ask_once(client, interrupt, settings, question);
}

}  // namespace nanoflow::cli
