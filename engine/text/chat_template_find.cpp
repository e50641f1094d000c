// Where a model keeps its chat template.
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/model/error.hpp"
#include "engine/model/gguf_file.hpp"
#include "engine/model/json_file.hpp"
#include "engine/model/mapped_file.hpp"
#include "engine/text/chat_template.hpp"
#include "engine/text/jinja_limits.hpp"

namespace nanoflow {

namespace {

namespace fs = std::filesystem;

std::string read_template(const fs::path& path) {
  return read_file(path, jinja::limits::source_bytes);
}

/// tokenizer_config.json's chat_template: a string, or a list of named ones.
std::optional<std::string> from_config(const fs::path& path) {
  const nlohmann::json config = read_json(path);
  if (!config.is_object() || !config.contains("chat_template")) return std::nullopt;
  const nlohmann::json& found = config["chat_template"];
  if (found.is_null()) return std::nullopt;
  if (found.is_string()) return found.get<std::string>();
  const nlohmann::json* first = nullptr;
  if (found.is_array()) {
    for (const nlohmann::json& item : found) {
      const bool named = item.is_object() && item.contains("name") && item.contains("template") &&
                         item["template"].is_string();
      if (!named) continue;
      if (item["name"] == "default") return item["template"].get<std::string>();
      if (first == nullptr) first = &item["template"];
    }
  }
  if (first != nullptr) return first->get<std::string>();
  throw ModelError(path.string() +
                   ": chat_template must be a string or a list of {name, template}, found " +
                   found.type_name());
}

std::optional<std::string> from_gguf(const fs::path& path) {
  const std::shared_ptr<const GgufFile> file = GgufFile::open(path);
  const auto found = file->text("tokenizer.chat_template");
  if (!found) return std::nullopt;
  if (found->size() > jinja::limits::source_bytes) {
    throw ModelError(path.string() + ": tokenizer.chat_template: expected at most " +
                     std::to_string(jinja::limits::source_bytes) + " bytes, found " +
                     std::to_string(found->size()));
  }
  return std::string(*found);
}

bool starts_as_gguf(const fs::path& path) {
  char magic[4] = {};
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ModelError(path.string() + ": cannot be opened");
  file.read(magic, sizeof magic);
  return std::memcmp(magic, "GGUF", sizeof magic) == 0;
}

}  // namespace

std::optional<std::string> find_chat_template(const fs::path& path) {
  std::error_code ignored;  // opening says better what is wrong with the path
  if (fs::is_directory(path, ignored)) {
    if (fs::exists(path / "chat_template.jinja", ignored))
      return read_template(path / "chat_template.jinja");
    if (fs::exists(path / "tokenizer_config.json", ignored))
      return from_config(path / "tokenizer_config.json");
    return std::nullopt;
  }
  if (starts_as_gguf(path)) return from_gguf(path);
  if (path.extension() == ".json") return from_config(path);
  if (path.extension() == ".jinja") return read_template(path);
  throw ModelError(path.string() + ": expected a GGUF file, a folder or a .jinja file");
}

}  // namespace nanoflow
