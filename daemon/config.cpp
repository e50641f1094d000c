#include "daemon/config.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "actors/kv_budget.hpp"
#include "client/suggest.hpp"

namespace nanoflow {
namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& key, const std::string& value,
                         const std::string& allowed) {
  throw ConfigError(where + key + ": " + in_quotes(value) + " is not " + allowed);
}

template <std::size_t N>
void check_word(const std::string& where, const std::string& key, const std::string& value,
                const std::array<std::string_view, N>& words) {
  if (std::find(words.begin(), words.end(), value) != words.end()) return;
  std::string allowed = "one of";
  for (const std::string_view word : words) allowed.append(" ").append(word);
  refuse(where, key, value, allowed + did_you_mean(value, words));
}

void check_number(const std::string& where, const std::string& key, int value, int least,
                  int most) {
  if (value < least || value > most)
    refuse(where, key, std::to_string(value),
           std::to_string(least) + " to " + std::to_string(most));
}

/// "auto", "4GiB", "512MiB", "25%".
void check_memory(const std::string& where, const std::string& value) {
  if (value == "auto") return;
  const std::size_t digits = value.find_first_not_of("0123456789.");
  const std::string unit = digits == std::string::npos ? "" : value.substr(digits);
  const std::array<std::string_view, 8> units = {"%", "", "B", "KiB", "MiB", "GiB", "TiB", "GB"};
  const bool known = std::find(units.begin(), units.end(), unit) != units.end();
  const double number = std::atof(value.c_str());
  if (digits == 0 || !known || number <= 0 || (unit == "%" && number > 100))
    refuse(where, "kv_memory", value, "auto, a size such as 4GiB, or a share such as 25%");
}

void check_spill(const std::string& where, const std::string& value) {
  if (value == "off" || value == "0") return;
  if (!MemoryAmount::parse(value) || value.ends_with('%'))
    refuse(where, "spill", value, "off or a size such as 8GiB");
}

void check_endpoint(const std::string& where, const std::string& endpoint) {
  const bool ipc = endpoint.starts_with("ipc:///"), tcp = endpoint.starts_with("tcp://");
  if (!endpoint.empty() && !ipc && !tcp)
    refuse(where, "endpoint", endpoint, "ipc:///absolute/path or tcp://host:port");
  constexpr std::size_t longest_path = 107;  // of a unix socket
  if (ipc && endpoint.size() - 6 > longest_path)
    refuse(where, "endpoint", endpoint, "a path of at most 107 bytes");
}

}  // namespace

LogLevel parse_log_level(const std::string& where, const std::string& text) {
  check_word<4>(where, "log_level", text, {"error", "warning", "info", "debug"});
  for (const LogLevel level : {LogLevel::error, LogLevel::warning, LogLevel::info})
    if (text == to_string(level)) return level;
  return LogLevel::debug;
}

void check_keys(const Config& config, const std::string& where) {
  check_endpoint(where, config.endpoint);
  check_word<5>(where, "device", config.device, {"auto", "cpu", "cuda", "simulated", "null"});
  check_word<5>(where, "weights", config.weights, {"auto", "f32", "bf16", "int8", "int4"});
  check_word<4>(where, "kv", config.kv, {"auto", "f32", "bf16", "int8"});
  check_memory(where, config.kv_memory);
  check_spill(where, config.spill);
  check_word<2>(where, "speculation", config.speculation, {"auto", "off"});
  check_number(where, "threads", config.threads, 0, 4096);
  check_number(where, "context", config.context, 0, 1 << 30);
  check_number(where, "max_sequences", config.max_sequences, 1, 4096);
  check_number(where, "max_step_tokens", config.max_step_tokens, 1, 1 << 20);
  check_number(where, "max_waiting", config.max_waiting, 0, 1 << 20);
  check_number(where, "drain_seconds", config.drain_seconds, 0, 24 * 3600);
}

void check(const Config& config, const std::string& where) {
  check_keys(config, where);
  // A decoding sequence is a row of every step, and a prompt needs a row more.
  if (config.max_step_tokens <= config.max_sequences)
    refuse(where, "max_step_tokens", std::to_string(config.max_step_tokens),
           "more than max_sequences, " + std::to_string(config.max_sequences));
}

Config make_config(const Flags& flags) {
  Config config;
  if (flags.config_file) read_config_file(*flags.config_file, config);
  if (!flags.models.empty()) config.models = flags.models;
  if (flags.endpoint) config.endpoint = *flags.endpoint;
  if (flags.device) config.device = *flags.device;
  if (flags.weights) config.weights = *flags.weights;
  if (flags.kv) config.kv = *flags.kv;
  if (flags.kv_memory) config.kv_memory = *flags.kv_memory;
  if (flags.spill) config.spill = *flags.spill;
  if (flags.speculation) config.speculation = *flags.speculation;
  if (flags.threads) config.threads = *flags.threads;
  if (flags.log_level) config.log_level = parse_log_level("flag ", *flags.log_level);
  check(config, "flag ");
  // A path is one however it is written; anything else is a name in the model folder.
  for (std::string& model : config.models)
    if (model.find('/') != std::string::npos || std::filesystem::exists(model))
      model = std::filesystem::absolute(model).lexically_normal().string();
  return config;
}

bool runs_as_service() {
  const char* folder = std::getenv("RUNTIME_DIRECTORY");
  return folder && *folder;
}

std::filesystem::path model_folder(const Config& config, bool service) {
  if (!config.model_dir.empty()) return config.model_dir;
  const std::filesystem::path of_service = "/var/lib/nanoflowd/models";
  if (service) return of_service;
  const char* data = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  if (data && *data) return std::filesystem::path(data) / "nanoflow/models";
  if (home && *home) return std::filesystem::path(home) / ".local/share/nanoflow/models";
  return of_service;
}

std::filesystem::path cache_folder(bool service) {
  if (service) {
    const char* folder = std::getenv("CACHE_DIRECTORY");
    return folder ? folder : "";
  }
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache && *cache) return std::filesystem::path(cache) / "nanoflow";
  if (home && *home) return std::filesystem::path(home) / ".cache/nanoflow";
  return {};
}

}  // namespace nanoflow
