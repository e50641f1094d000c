#pragma once
#include <string>

#include "actors/interfaces.hpp"
#include "engine/kv/page_file.hpp"

namespace nanoflow {

struct CopyConfig {
  std::string model;  // its name, for the log
  PageFile::Options file;
};

/// Owns a model's spill file, and copies pages to it and from it. A copy that fails is answered
/// with why. Where there can be no file it ends with an error.
CopyActor spawn_copy(caf::actor_system& system, CopyConfig config);

}  // namespace nanoflow
