#include "engine/model/checkpoint.hpp"

#include "engine/model/checkpoint_formats.hpp"

namespace nanoflow {

std::shared_ptr<const Checkpoint> Checkpoint::open(const std::filesystem::path& path) {
  std::error_code ignored;  // the formats say better what is wrong with the path
  if (std::filesystem::is_directory(path, ignored)) return open_hf_checkpoint(path);
  return open_gguf_checkpoint(path);
}

}  // namespace nanoflow
