// The model folder, and how a load finds its file.
#pragma once
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "actors/loaded_model.hpp"

namespace nanoflow {

/// The GGUF files and Hugging Face folders in it, by name; nothing where it is not there.
std::vector<AvailableModel> list_model_folder(const std::filesystem::path& folder);

/// The same, with what is loaded of it.
std::vector<AvailableModel> list_available(const std::filesystem::path& folder,
                                           const ModelTable& loaded);

/// A file's name without .gguf, or a folder's name.
std::string model_name(const std::filesystem::path& path);

/// The canonical path of what a load asks for, by path or by a name in the folder; or not_found
/// (with a near name), bad_field, or load_failed where the daemon may not read it.
std::variant<std::filesystem::path, wire::Error> find_model(const wire::Load& load,
                                                            const std::filesystem::path& folder);

}  // namespace nanoflow
