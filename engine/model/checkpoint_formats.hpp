#pragma once
#include "engine/model/checkpoint.hpp"

namespace nanoflow {

std::shared_ptr<const Checkpoint> open_gguf_checkpoint(const std::filesystem::path& file);
std::shared_ptr<const Checkpoint> open_hf_checkpoint(const std::filesystem::path& folder);

}  // namespace nanoflow
