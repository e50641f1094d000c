// What the daemon is told: by its defaults, then its file, then its flags.
#pragma once
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/log.hpp"

namespace nanoflow {

/// The keys of systemd/nanoflowd.toml, which says what each means.
struct Config {
  std::vector<std::string> models;
  std::string model_dir;  // empty: see model_folder
  std::string endpoint;   // empty: the service's or the user's socket
  std::string group = "nanoflow", admin_group = "nanoflow-admin";
  std::string device = "auto", weights = "auto", kv = "auto", kv_memory = "auto", spill = "off";
  int threads = 0, context = 0;
  int max_sequences = 64, max_step_tokens = 512, max_waiting = 256;
  bool prefix_cache = true, overlap = true;
  std::string speculation = "auto";
  int drain_seconds = 30;
  LogLevel log_level = LogLevel::info;
};

/// A mistake of whoever configured the daemon: the process ends with status 2.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Reads the file's keys over `config`. Throws ConfigError with file, line and key; where keys do
/// not go together, with file and key.
void read_config_file(const std::filesystem::path& path, Config& config);
/// Each key by itself: throws ConfigError that names what `where` set and what is allowed.
void check_keys(const Config& config, const std::string& where);
/// The same, and what keys say together, once all of them are known.
void check(const Config& config, const std::string& where);
LogLevel parse_log_level(const std::string& where, const std::string& text);

struct Flags {
  std::optional<std::filesystem::path> config_file;
  std::vector<std::string> models;
  std::optional<std::string> endpoint, device, weights, kv, kv_memory, spill, speculation,
      log_level;
  std::optional<int> threads;
  bool help = false, version = false;
};
/// Without the program's name. Throws ConfigError.
Flags parse_flags(const std::vector<std::string>& arguments);
std::string usage();

/// Defaults, file, flags, checked.
Config make_config(const Flags& flags);

/// Where models are found by name: the configured folder; for a user's daemon with none, the one
/// where `nanoflow pull` puts a user's models.
std::filesystem::path model_folder(const Config& config, bool service);
/// For what can be made again: the service's, or the user's; empty where there is none.
std::filesystem::path cache_folder(bool service);
/// True where systemd started it, with a folder for the socket.
bool runs_as_service();

}  // namespace nanoflow
