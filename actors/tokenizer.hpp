// Text becomes ids, and ids become text: one of a pool, each with its own requests from their first
// message to their last event.
#pragma once
#include <chrono>

#include "actors/interfaces.hpp"
#include "actors/loaded_model.hpp"

namespace nanoflow {

/// `model` needs all but its list of tokenizers, of which this will be one. The actor ends all its
/// requests with `internal` and quits when the model's scheduler ends. `pause`: between two
/// messages with tokens at least, so that tokens of faster steps share events; a request's end is
/// said at once, with all its tokens before it.
TokenizerActor spawn_tokenizer(caf::actor_system& system, std::shared_ptr<const LoadedModel> model,
                               std::chrono::microseconds pause = {});

}  // namespace nanoflow
