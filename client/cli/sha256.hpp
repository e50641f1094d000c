#pragma once
#include <filesystem>
#include <functional>
#include <string>

namespace nanoflow::cli {

/// Of a whole file, as 64 lower-case hex digits. Throws std::runtime_error.
std::string sha256_of_file(const std::filesystem::path& path,
                           const std::function<void(double done_bytes)>& progress = {});
bool is_sha256(const std::string& text);

}  // namespace nanoflow::cli
