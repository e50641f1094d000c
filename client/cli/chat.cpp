#include "client/cli/chat.hpp"

namespace nanoflow::cli {
namespace {

constexpr std::string_view quotes = "\"\"\"";

std::string trim(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

std::vector<wire::Message> Conversation::messages() const {
  std::vector<wire::Message> all;
  if (!system_.empty()) all.push_back({"system", system_});
  all.insert(all.end(), turns_.begin(), turns_.end());
  return all;
}

std::optional<std::string> LineJoiner::add(const std::string& line) {
  std::string rest = line;
  if (!open_) {
    const std::size_t begin = line.find(quotes);
    // Quotes open an input at its start, or after the /system that they are for.
    const bool opens = begin != std::string::npos && (trim(line.substr(0, begin)).empty() ||
                                                      trim(line.substr(0, begin)) == "/system");
    if (!opens) return line;
    open_ = true;
    text_ = line.substr(0, begin);
    rest = line.substr(begin + quotes.size());
  }
  const std::size_t end = rest.find(quotes);
  if (end == std::string::npos) {
    text_ += rest + "\n";
    return std::nullopt;
  }
  text_ += rest.substr(0, end);
  std::string whole = std::move(text_);
  reset();
  return whole;
}

void LineJoiner::reset() {
  open_ = false;
  text_.clear();
}

ChatInput parse_chat_input(const std::string& input) {
  using Kind = ChatInput::Kind;
  const std::string text = trim(input);
  if (text.empty()) return {Kind::nothing, ""};
  if (text[0] != '/') return {Kind::question, input};
  const std::size_t space = text.find_first_of(" \t\n");
  const std::string command = text.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : trim(text.substr(space));
  if (command == "/system") return {Kind::system, rest};
  if (command == "/clear") return {Kind::clear, ""};
  if (command == "/help" || command == "/?") return {Kind::help, ""};
  if (command == "/bye" || command == "/exit" || command == "/quit") return {Kind::bye, ""};
  // A path such as /etc/hosts at the start of a question is no command.
  if (command.find('/', 1) != std::string::npos) return {Kind::question, input};
  return {Kind::unknown, command};
}

}  // namespace nanoflow::cli
