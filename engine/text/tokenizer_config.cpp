#include "engine/model/json_file.hpp"
#include "engine/text/json_fields.hpp"
#include "engine/text/load_json.hpp"

namespace nanoflow::text {

TokenizerConfig read_tokenizer_config(const std::filesystem::path& path) {
  TokenizerConfig config;
  if (!std::filesystem::exists(path)) return config;
  const nlohmann::json json = read_json(path);
  const JsonObject root(json, path.filename().string());
  const auto token = [&](const char* key) -> std::optional<std::string> {
    const nlohmann::json* found = root.find(key);
    if (found == nullptr) return std::nullopt;
    return found->is_object() ? root.object(key).text("content") : root.text(key);
  };
  const auto flag = [&](const char* key) -> std::optional<bool> {
    if (root.find(key) == nullptr) return std::nullopt;
    return root.flag(key, false);
  };
  config.bos_token = token("bos_token");
  config.eos_token = token("eos_token");
  config.add_bos_token = flag("add_bos_token");
  config.add_eos_token = flag("add_eos_token");
  return config;
}

}  // namespace nanoflow::text
