// Text becomes ids, and ids become text: one of a pool, each with its own requests from their first
// message to their last event.
#pragma once
#include "actors/interfaces.hpp"
#include "actors/loaded_model.hpp"

namespace nanoflow {

/// `model` needs all but its list of tokenizers, of which this will be one. The actor ends all its
/// requests with `internal` and quits when the model's scheduler ends.
TokenizerActor spawn_tokenizer(caf::actor_system& system, std::shared_ptr<const LoadedModel> model);

}  // namespace nanoflow
