#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "engine/plan/profile.hpp"

namespace nanoflow {

/// What write_profile wrote there with the same key; nothing where there is no such file, or it
/// cannot be understood.
std::optional<Profile> read_profile(const std::filesystem::path& file, const std::string& key);
/// As JSON; the file is there as a whole or not at all. Returns why it could not be written.
std::string write_profile(const std::filesystem::path& file, const std::string& key,
                          const Profile& profile);

}  // namespace nanoflow
