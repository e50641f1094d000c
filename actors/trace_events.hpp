// What the streams did, in the trace-event format that trace viewers (Perfetto, chrome://tracing)
// open: a lane for each stream, a bar for each step, and inside it one for each kind of operation.
#pragma once
#include <cstddef>

#include "actors/messages.hpp"

namespace nanoflow {

/// So many programs fit into one message of the wire.
inline constexpr std::size_t max_traced_programs = 2500;

wire::Json trace_events(const StreamTimelines& timelines);

}  // namespace nanoflow
