#pragma once
#include <memory>

#include "engine/device/device.hpp"

namespace nanoflow {

/// A device whose tokens cost nothing, for measuring what the daemon itself costs. It needs a
/// model's configuration, not its weights. The token at a position follows from the position alone;
/// nothing else of sampling is done, and nothing of a step is checked (the simulated device is for
/// that).
std::unique_ptr<Device> make_null_device();

}  // namespace nanoflow
