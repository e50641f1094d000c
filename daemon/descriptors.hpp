// Descriptors: each connected client takes one.
#pragma once

namespace nanoflow {

/// As many as the system allows, instead of the 1024 that programs begin with. The definition of
/// accept that keeps ZeroMQ alive without any left stands in the same file, and is linked with it.
void allow_all_descriptors();

}  // namespace nanoflow
