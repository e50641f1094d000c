#pragma once
#include <string>

namespace nanoflow {

/// The kernel's name for it.
std::string processor_name();
/// Pins the calling thread to a processor. Where that is refused (a processor was taken away
/// meanwhile) the thread just stays as it was.
void pin_thread(int cpu);

}  // namespace nanoflow
