// What to tell a person, and what to do next, when something did not work.
#pragma once
#include <string>

#include "client/client.hpp"

namespace nanoflow::cli {

std::string explain(const NoDaemon& error);
std::string explain(const RequestFailed& error);
/// No model is loaded: the commands that get one, from what the daemon has in its model folder.
std::string explain_no_model(const wire::Json& available);
/// A note for an answer that was cut ("length", "cancelled", "timeout"), or nothing.
std::string explain_finish(const std::string& finish_reason, std::optional<int> max_tokens);

}  // namespace nanoflow::cli
