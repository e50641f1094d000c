// The conversation of `nanoflow run`: what was said, the commands that start with a slash, several
// lines between triple quotes. Knows neither terminal nor daemon, so that tests can hold it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "client/protocol.hpp"

namespace nanoflow::cli {

class Conversation {
 public:
  void set_system(std::string text) { system_ = std::move(text); }
  const std::string& system() const { return system_; }
  void clear() { turns_.clear(); }
  bool empty() const { return turns_.empty(); }
  void ask(std::string question) { turns_.push_back({"user", std::move(question)}); }
  void answer(std::string text) { turns_.push_back({"assistant", std::move(text)}); }
  void take_back() { turns_.pop_back(); }  // the last question, where no answer came
  std::vector<wire::Message> messages() const;

 private:
  std::string system_;
  std::vector<wire::Message> turns_;
};

/// Joins lines between """ and """ to one input.
class LineJoiner {
 public:
  /// The whole input once it is complete. The quotes themselves are left out.
  std::optional<std::string> add(const std::string& line);
  bool open() const { return open_; }
  void reset();

 private:
  bool open_ = false;
  std::string text_;
};

struct ChatInput {
  enum class Kind { question, system, clear, help, bye, unknown, nothing } kind;
  std::string text;  // the question, the system text, or the unknown command
};
ChatInput parse_chat_input(const std::string& input);

}  // namespace nanoflow::cli
