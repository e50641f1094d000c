#include "actors/log.hpp"

#include <cstdio>
#include <mutex>
#include <string>
#include <utility>

namespace nanoflow {
namespace {

std::mutex mutex;
LogSink& sink() {
  static LogSink instance;
  return instance;
}

void to_stderr(LogLevel level, std::string_view line) {
  if (level == LogLevel::debug) return;
  std::string text(to_string(level));
  text.append(": ").append(line).append("\n");
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "error";
    case LogLevel::warning:
      return "warning";
    case LogLevel::info:
      return "info";
    case LogLevel::debug:
      return "debug";
  }
  return "?";
}

void log(LogLevel level, std::string_view line) {
  const std::lock_guard lock(mutex);
  sink() ? sink()(level, line) : to_stderr(level, line);
}

void set_log_sink(LogSink new_sink) {
  const std::lock_guard lock(mutex);
  sink() = std::move(new_sink);
}

}  // namespace nanoflow
