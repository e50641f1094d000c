// Where actors write what people should read. One call is one line; any thread may call.
#pragma once
#include <functional>
#include <string>

namespace nanoflow {

enum class LogLevel { error, warning, info, debug };

using LogSink = std::function<void(LogLevel, const std::string& line)>;

}  // namespace nanoflow
