// From what a client wrote to what the engine runs: defaults filled in, ids held against the
// vocabulary.
#pragma once
#include <variant>

#include "actors/loaded_model.hpp"
#include "actors/messages.hpp"

namespace nanoflow {

/// PROTOCOL's default, replaced by the model's own, replaced by the request. `random_seed` is taken
/// where the client gave none.
std::variant<GenerateJob, wire::Error> resolve(wire::Generate&& request, const LoadedModel& model,
                                               std::uint64_t random_seed, Clock::time_point now);

/// Nothing, or the error that names the first id outside the vocabulary.
std::optional<wire::Error> check_tokens(std::string_view field,
                                        const std::vector<wire::Token>& tokens,
                                        const LoadedModel& model);

}  // namespace nanoflow
