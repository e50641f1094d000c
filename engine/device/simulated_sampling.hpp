#pragma once
#include <cstdint>

#include "engine/device/simulated_memory.hpp"

namespace nanoflow {

/// The next token of a sequence whose pages hold digest. Greedy at temperature 0, else drawn by
/// (seed, choice, position). Of the other parameters: end tokens wait for min_tokens; a bias of 100
/// or more forces its token, one of -100 or less forbids it, and one between 0 and 100 chooses it
/// in so many per cent of all cases, so that an answer may repeat itself; penalties make the token
/// depend on the slot's history. Log probabilities are those of a distribution that halves from
/// token to token.
StepResult::Sampled simulated_sample(std::uint64_t digest, const SimulatedSlot& slot, int choice,
                                     const SamplingParams& sampling, int vocab_size);

}  // namespace nanoflow
