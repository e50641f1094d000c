#include <stdexcept>

#include "engine/device/cpu_device.hpp"
#include "engine/device/device.hpp"
#include "engine/device/null_device.hpp"
#include "engine/device/simulated.hpp"

namespace nanoflow {

std::unique_ptr<Device> make_device(const DeviceOptions& options) {
  if (options.kind == "auto" || options.kind == "cpu") return make_cpu_device(options.threads);
  if (options.kind == "simulated") return make_simulated_device(options);
  if (options.kind == "null") return make_null_device();
  if (options.kind == "cuda")
    throw std::runtime_error(
        "device \"cuda\": this build has none, expected auto, cpu, simulated or null");
  throw std::runtime_error("device \"" + options.kind +
                           "\": unknown, expected auto, cpu, cuda, simulated or null");
}

}  // namespace nanoflow
