#include "daemon/log_sink.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>

namespace nanoflow {
namespace {

/// systemd.exec(5): JOURNAL_STREAM holds device and inode of the journal's socket.
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info = {};
  if (!stream || fstat(STDERR_FILENO, &info) != 0) return false;
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino) == stream;
}

/// sd-daemon(3): "<3>" is an error, "<4>" a warning, "<6>" information, "<7>" for debugging.
const char* priority(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "<3>";
    case LogLevel::warning:
      return "<4>";
    case LogLevel::info:
      return "<6>";
    case LogLevel::debug:
      return "<7>";
  }
  return "";
}

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm local = {};
  localtime_r(&now, &local);
  char text[16];
  return {text, std::strftime(text, sizeof text, "%H:%M:%S ", &local)};
}

}  // namespace

void log_to_stderr(LogLevel least) {
  const bool journal = stderr_is_journal();
  set_log_sink([least, journal](LogLevel level, std::string_view line) {
    if (level > least) return;
    std::string text = journal ? priority(level) : time_of_day();
    if (!journal && level != LogLevel::info) text.append(to_string(level)).append(": ");
    text.append(line).append("\n");
    // One write a line: lines of several processes do not mix. A full disk stops no answer.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  });
}

}  // namespace nanoflow
