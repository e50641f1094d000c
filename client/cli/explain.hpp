// What to tell a person, and what to do next, when something did not work.
#pragma once
#include <string>

#include "client/client.hpp"

namespace nanoflow::cli {

std::string explain(const NoDaemon& error);
std::string explain(const RequestFailed& error);
/// No model is loaded: the commands that get one, from what the daemon has in its model folder.
std::string explain_no_model(const wire::Json& available);
/// The answer ended before the number of tokens that was asked for: there is no more context.
bool context_is_full(const wire::Done& done, const wire::Sampling& asked);
/// A note for an answer that was cut ("length", "cancelled", "timeout"), or nothing.
std::string explain_finish(const wire::Done& done, const wire::Sampling& asked);

}  // namespace nanoflow::cli
