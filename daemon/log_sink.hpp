#pragma once
#include "actors/log.hpp"

namespace nanoflow {

/// Lines go to stderr: with the journal's priorities where that is the journal, with the time
/// elsewhere. What is below the level is dropped; may be called again.
void log_to_stderr(LogLevel level);

}  // namespace nanoflow
