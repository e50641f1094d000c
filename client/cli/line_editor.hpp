#pragma once
#include <memory>
#include <optional>
#include <string>

namespace nanoflow::cli {

/// Lines from the terminal, with editing and a history kept between sessions (libedit).
class LineEditor {
 public:
  /// Reading ends as interrupted while interrupt_fd is readable (Interrupt::fd()).
  LineEditor(const std::string& history_file, int interrupt_fd);
  ~LineEditor();

  enum class Result { line, end, interrupted };
  /// Without the newline. end: Ctrl-D on an empty line. interrupted: Ctrl-C.
  Result read(const std::string& prompt, std::string& line);
  void remember(const std::string& text);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// $XDG_STATE_HOME/nanoflow/history, its folder made (mode 0700); empty where there is no home.
std::string history_path();

}  // namespace nanoflow::cli
