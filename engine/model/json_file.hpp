#pragma once
#include <cstdint>
#include <filesystem>

#include <nlohmann/json_fwd.hpp>

namespace nanoflow {

/// Reads a JSON file that came with a model: bounded in size and depth, no key twice, UTF-8
/// checked. Throws ModelError.
nlohmann::json read_json(const std::filesystem::path& path, std::uint64_t max_bytes = 64U << 20);

}  // namespace nanoflow
