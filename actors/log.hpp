// The daemon's log: one line an event. Where lines go is the daemon's choice (the journal, or
// stderr).
#pragma once
#include <functional>
#include <string_view>

namespace nanoflow {

enum class LogLevel { error, warning, info, debug };
std::string_view to_string(LogLevel level);

/// Writes one line, without its end. Any thread may call it. Nothing that a client wrote belongs
/// into it unquoted (see in_quotes), and never a request's text.
void log(LogLevel level, std::string_view line);

/// Called by one thread at a time. An empty one restores the default: stderr, without debug.
using LogSink = std::function<void(LogLevel, std::string_view)>;
void set_log_sink(LogSink sink);

}  // namespace nanoflow
