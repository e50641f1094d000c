#pragma once
#include "engine/model/checkpoint.hpp"
#include "engine/model/weight_names.hpp"
#include "engine/model/weight_source.hpp"

namespace nanoflow {

/// Finds every tensor that the configuration implies. Sets config.vocab_size where it is 0.
ModelTensors bind_weights(WeightSource& weights, const WeightNames& names, ModelConfig& config);

}  // namespace nanoflow
