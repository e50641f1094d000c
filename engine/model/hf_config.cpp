#include "engine/model/hf_config.hpp"

#include "engine/model/error.hpp"
#include "engine/model/json_file.hpp"
#include "engine/model/json_number.hpp"

namespace nanoflow {

using nlohmann::json;

namespace {

constexpr std::uint64_t max_bytes = 4U << 20;

/// A model with more than text keeps its text model's configuration in text_config.
void raise_text_config(json& config) {
  const auto found = config.find("text_config");
  if (found == config.end() || !found->is_object()) return;
  const json text = std::move(*found);
  config.erase(found);
  config.update(text);
}

json take(json& config, const char* key) {
  json out = config.value(key, json());
  config.erase(key);
  return out;
}

/// One layer type's settings in the names of transformers 5.
json rope_settings(json settings, const json& theta) {
  if (!settings.is_object()) settings = json::object();
  if (settings.contains("type") && !settings.contains("rope_type")) {
    settings["rope_type"] = settings["type"];
  }
  if (settings.value("rope_theta", json()).is_null()) settings["rope_theta"] = theta;
  return settings;
}

/// Older files have rope_theta, rope_scaling and rope_local_base_freq beside each other.
void unify_rope(json& config) {
  json found = take(config, "rope_parameters");
  const json scaling = take(config, "rope_scaling");
  const json theta = take(config, "rope_theta"), local = take(config, "rope_local_base_freq");
  if (local.is_null()) {
    config["rope_parameters"] = rope_settings(found.is_object() ? found : scaling, theta);
    return;
  }
  if (!found.is_object()) found = {{"full_attention", scaling}};
  config["rope_parameters"] = {
      {"full_attention", rope_settings(found.value("full_attention", json()), theta)},
      {"sliding_attention", rope_settings(found.value("sliding_attention", json()), local)}};
}

}  // namespace

HfConfig::HfConfig(const std::filesystem::path& folder)
    : file_((folder / "config.json").string()),
      json_(std::make_unique<json>(read_json(file_, max_bytes))) {
  if (!json_->is_object())
    throw ModelError(file_ + ": expected an object, found " + json_->type_name());
  if (has({"", "quantization_config"})) {
    fail({"", "quantization_config"}, "expected none: weights are taken as F32, F16 or BF16");
  }
  raise_text_config(*json_);
}

HfConfig::~HfConfig() = default;

void HfConfig::complete(std::string_view defaults) {
  json whole = json::parse(defaults);
  whole.update(*json_);  // what the file has wins, null too
  *json_ = std::move(whole);
  unify_rope(*json_);
}

std::string HfConfig::architecture() const {
  const auto names = texts({"", "architectures"});
  if (!names || names->empty()) {
    fail({"", "architectures"}, "expected a list with the name of a class, found none");
  }
  return names->front();
}

std::string HfConfig::model_name() const {
  return text({"", "_name_or_path"}).value_or("");
}

const json* HfConfig::find(Key key) const {
  const json* value = json_.get();
  std::string_view rest = key.hf;
  while (!rest.empty()) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    const auto found = value->find(std::string(rest.substr(0, dot)));
    if (found == value->end() || found->is_null()) return nullptr;
    value = &*found;
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  return key.hf.empty() ? nullptr : value;
}

const json* HfConfig::find(Key key, bool (json::*is_type)() const noexcept,
                           const char* expected) const {
  const json* const value = find(key);
  if (value != nullptr && !(value->*is_type)()) {
    fail(key, std::string("expected ") + expected + ", found " + value->type_name());
  }
  return value;
}

std::optional<std::int64_t> HfConfig::integer(Key key) const {
  const json* const value = find(key, &json::is_number, "an integer");
  if (value == nullptr) return std::nullopt;
  const std::optional<std::int64_t> out = to_integer(*value);
  if (!out) fail(key, "expected an integer, found " + printable(value->dump()));
  return out;
}

std::optional<double> HfConfig::number(Key key) const {
  const json* const value = find(key, &json::is_number, "a number");
  return value == nullptr ? std::nullopt : std::optional(value->get<double>());
}

std::optional<bool> HfConfig::flag(Key key) const {
  const json* const value = find(key, &json::is_boolean, "true or false");
  return value == nullptr ? std::nullopt : std::optional(value->get<bool>());
}

std::optional<std::string> HfConfig::text(Key key) const {
  const json* const value = find(key, &json::is_string, "a text");
  return value == nullptr ? std::nullopt : std::optional(value->get<std::string>());
}

std::optional<std::vector<std::string>> HfConfig::texts(Key key) const {
  const json* const value = find(key, &json::is_array, "a list of texts");
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> out;
  for (const json& item : *value) {
    if (!item.is_string())
      fail(key, std::string("expected a list of texts, found ") + item.type_name());
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::optional<std::vector<std::int64_t>> HfConfig::integers(Key key) const {
  const json* const value = find(key, &json::is_array, "a list of integers");
  if (value == nullptr) return std::nullopt;
  std::vector<std::int64_t> out;
  for (const json& item : *value) {
    const std::optional<std::int64_t> number = to_integer(item);
    if (!number) fail(key, std::string("expected a list of integers, found ") + item.type_name());
    out.push_back(*number);
  }
  return out;
}

bool HfConfig::has(Key key) const {
  return find(key) != nullptr;
}

bool HfConfig::is_list(Key key) const {
  const json* const value = find(key);
  return value != nullptr && value->is_array();
}

}  // namespace nanoflow
