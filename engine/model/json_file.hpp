#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace nanoflow {

/// Reads a JSON file that came with a model: bounded in size and depth, no key twice, UTF-8
/// checked. Throws ModelError.
nlohmann::json read_json(const std::filesystem::path& path, std::uint64_t max_bytes = 64U << 20);

/// The same checks on text that is already here; `where` begins the messages.
nlohmann::json parse_json(std::string_view text, std::string_view where);

}  // namespace nanoflow
