#pragma once
#include <chrono>
#include <cstdint>
#include <memory>

#include "engine/device/device.hpp"

namespace nanoflow {

/// What a simulated device does besides being exact.
struct SimulatedOptions {
  std::chrono::microseconds step_time{0};  // that a step really takes; 0: as fast as it goes
  std::uint64_t fail_every = 0;  // every so many steps one fails, and all pages and slots are lost
};

/// A device without arithmetic, for tests of everything around it. It needs a model's
/// configuration, not its weights. A page's position holds a token and a digest of the tokens up to
/// it, as K and V depend on all that came before; a sampled token is a hash of what the whole page
/// table holds. So a page that is shared wrongly, reused too early or never written gives a
/// different token, and whatever breaks the contract of Step throws std::logic_error.
std::unique_ptr<Device> make_simulated_device(const SimulatedOptions& simulated);
/// The same with options from the environment, for tests of a whole daemon:
/// NANOFLOW_SIMULATED_STEP_US and NANOFLOW_SIMULATED_FAIL_EVERY.
std::unique_ptr<Device> make_simulated_device(const DeviceOptions& options);

}  // namespace nanoflow
