#pragma once
#include <cstdint>

namespace nanoflow {

/// Index into a model's vocabulary.
using TokenId = std::int32_t;

}  // namespace nanoflow
