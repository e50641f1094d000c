#pragma once
#include <cstddef>
#include <string>

namespace nanoflow {

/// The kernel's name for it.
std::string processor_name();
/// Pins the calling thread to a processor. Where that is refused (a processor was taken away
/// meanwhile) the thread just stays as it was.
void pin_thread(int cpu);
/// Of the largest cache of this processor, which others may share; 0: not known.
std::size_t cache_bytes();

}  // namespace nanoflow
