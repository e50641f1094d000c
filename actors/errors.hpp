// What ends an actor, or answers a request between actors, when something broke. Clients' mistakes
// are values, not errors of this kind.
#pragma once
#include <caf/all.hpp>
#include <cstdint>
#include <exception>
#include <string>

namespace nanoflow {

enum class ActorError : std::uint8_t {
  device_failed = 1,  // a stream's program failed; the stream is started anew
  device_lost,        // it fails again and again: the daemon must be started anew
  internal,           // a broken invariant
};

/// An exception that left a message handler, as the reason why the actor ended.
caf::error as_error(const std::exception_ptr& exception);

/// One line for the log and for outcomes.
std::string explain(const caf::error& error);

/// Makes exceptions of the actor's handlers its exit reason, text included.
template <class Self>
void end_on_exceptions(Self* self) {
  self->set_exception_handler(
      [](std::exception_ptr& exception) -> caf::error { return as_error(exception); });
}

}  // namespace nanoflow

CAF_ERROR_CODE_ENUM(nanoflow::ActorError, "nanoflow")
