// What the commands print with: text that cannot drive the terminal, tables, bars, human units.
#pragma once
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "client/protocol.hpp"

namespace nanoflow::cli {

/// A model's text on a terminal: control characters other than newline and tab are dropped, so that
/// an answer cannot move the cursor or rename the window. Unchanged for a file or a pipe.
void print_text(std::string_view text);

/// What stdout has, from 60 to 160; 100 where it is no terminal.
int terminal_columns();
int terminal_rows();  // at least 10; 24 where stdout is no terminal

/// As printf, at most 255 characters.
template <class... Arguments>
std::string format(const char* pattern, Arguments... arguments) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, arguments...);
  return text;
}

std::string human_bytes(double bytes);      // "1.5 GiB"
std::string human_count(double count);      // "134.5 M"
std::string human_seconds(double seconds);  // "2 h 5 min", "3.2 s", "15 ms"

/// A value as a person reads it, by the unit that its name ends in: _bytes, _ms, _seconds, share,
/// flops.
std::string human_value(std::string_view name, const wire::Json& value);

/// Objects as rows, their keys as columns, in the order they first come.
void print_table(std::ostream& out, const wire::Json& rows);
/// An object as lines, its lists of objects as tables below.
void print_report(std::ostream& out, const wire::Json& object);

/// One line on stderr that is redrawn; silent where stderr is no terminal.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label);
  ~ProgressBar();
  void update(double done, double total, const std::string& note = {});

 private:
  std::string label_;
  bool shown_ = false, terminal_;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace nanoflow::cli
