#include "actors/model_folder.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <unistd.h>

#include "client/suggest.hpp"

namespace nanoflow {
namespace fs = std::filesystem;
namespace {

wire::Error error(wire::ErrorCode code, std::string message) {
  return {code, std::move(message), {}, {}};
}

bool is_gguf(const fs::path& path) {
  return path.extension() == ".gguf";
}

std::uint64_t size_of(const fs::path& path) {
  std::error_code failed;
  if (is_gguf(path)) {
    const auto bytes = fs::file_size(path, failed);
    return failed ? 0 : bytes;
  }
  std::uint64_t sum = 0;
  for (fs::directory_iterator it(path, failed), end; !failed && it != end; it.increment(failed)) {
    if (it->path().extension() != ".safetensors") continue;
    std::error_code unreadable;
    const auto bytes = it->file_size(unreadable);
    if (!unreadable) sum += bytes;
  }
  return sum;
}

/// What systemd's ProtectHome takes out of sight: the folder of one user, or root's.
bool in_hidden_home(const fs::path& path) {
  const auto below = [&](const fs::path& root) {
    const auto [end, rest] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
    return end == root.end() && rest != path.end();
  };
  if (below("/root")) return ::access("/root", R_OK | X_OK) != 0;
  for (const fs::path root : {"/home", "/run/user"}) {
    if (!below(root)) continue;
    auto user = path.begin();
    std::advance(user, std::distance(root.begin(), root.end()));
    std::error_code failed;
    return !fs::exists(root / *user, failed) || ::access((root / *user).c_str(), X_OK) != 0;
  }
  return false;
}

wire::Error unreadable(const fs::path& path, const std::string& why, const fs::path& folder) {
  std::string message = "path: " + in_quotes(path.string(), 256) + ": " + why;
  if (in_hidden_home(path))
    message += "; the service does not see home folders: copy the model to " + folder.string() +
               ", or fetch it there with `nanoflow pull`, and load it by name";
  return error(wire::ErrorCode::load_failed, std::move(message));
}

std::variant<fs::path, wire::Error> find_by_path(const fs::path& path, const fs::path& folder) {
  if (!path.is_absolute())
    return error(wire::ErrorCode::bad_field,
                 "path: " + in_quotes(path.string(), 256) + " is not absolute");
  std::error_code failed;
  const auto canonical = fs::canonical(path, failed);
  if (failed) return unreadable(path, failed.message(), folder);
  if (::access(canonical.c_str(), R_OK) != 0)
    return unreadable(canonical, std::strerror(errno), folder);
  return canonical;
}

wire::Error unknown_name(const std::string& name, const std::vector<AvailableModel>& available,
                         const fs::path& folder) {
  std::vector<std::string_view> names;
  for (const auto& model : available) names.push_back(model.name);
  return error(wire::ErrorCode::not_found, "name: no model " + in_quotes(name) + " in " +
                                               folder.string() + did_you_mean(name, names));
}

}  // namespace

std::string model_name(const fs::path& path) {
  return (is_gguf(path) ? path.stem() : path.filename()).string();
}

std::vector<AvailableModel> list_model_folder(const fs::path& folder) {
  std::vector<AvailableModel> models;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    std::error_code ignored;
    const bool is_model = is_gguf(it->path()) ? it->is_regular_file(ignored)
                                              : fs::exists(it->path() / "config.json", ignored);
    if (is_model)
      models.push_back({.name = model_name(it->path()),
                        .path = it->path().string(),
                        .bytes = size_of(it->path())});
  }
  std::sort(models.begin(), models.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return models;
}

std::vector<AvailableModel> list_available(const fs::path& folder, const ModelTable& loaded) {
  auto models = list_model_folder(folder);
  for (auto& model : models) {
    std::error_code failed;
    const auto path = fs::canonical(model.path, failed);
    model.loaded = std::any_of(loaded.begin(), loaded.end(),
                               [&](const auto& known) { return known->path == path; });
  }
  return models;
}

std::variant<fs::path, wire::Error> find_model(const wire::Load& load, const fs::path& folder) {
  if (load.path.empty() == load.name.empty())
    return error(wire::ErrorCode::bad_field, "load needs one of path and name");
  if (!load.path.empty()) return find_by_path(load.path, folder);
  const auto available = list_model_folder(folder);
  const auto found = std::find_if(available.begin(), available.end(),
                                  [&](const auto& model) { return model.name == load.name; });
  if (found == available.end()) return unknown_name(load.name, available, folder);
  return find_by_path(found->path, folder);
}

}  // namespace nanoflow
