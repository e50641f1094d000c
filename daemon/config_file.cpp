// The only place in the daemon that knows TOML: the parser is a large header.
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <array>
#include <functional>

#include "client/suggest.hpp"
#include "daemon/config.hpp"

namespace nanoflow {
namespace {

/// Reads one value; what it throws gets file, line and key put before it.
using Reader = std::function<void(const toml::node&)>;
struct Key {
  std::string_view name;
  Reader read;
};

[[noreturn]] void wrong_type(const char* expected, const toml::node& node) {
  std::ostringstream found;
  found << node.type();
  throw ConfigError(std::string("expected ") + expected + ", found " + found.str());
}

Reader text(std::string& target) {
  return [&target](const toml::node& node) {
    if (!node.is_string()) wrong_type("a text in quotes", node);
    target = node.as_string()->get();
  };
}

Reader integer(int& target) {
  return [&target](const toml::node& node) {
    if (!node.is_integer()) wrong_type("an integer", node);
    const std::int64_t value = node.as_integer()->get();
    target = int(value);
    if (target != value) throw ConfigError(std::to_string(value) + " is too large");
  };
}

Reader flag(bool& target) {
  return [&target](const toml::node& node) {
    if (!node.is_boolean()) wrong_type("true or false", node);
    target = node.as_boolean()->get();
  };
}

Reader texts(std::vector<std::string>& target) {
  return [&target](const toml::node& node) {
    const auto* array = node.as_array();
    if (!array) wrong_type("an array of texts", node);
    target.clear();
    for (const toml::node& entry : *array) {
      if (!entry.is_string()) wrong_type("an array of texts", entry);
      target.push_back(entry.as_string()->get());
    }
  };
}

Reader log_level(LogLevel& target) {
  return [&target](const toml::node& node) {
    if (!node.is_string()) wrong_type("a text in quotes", node);
    target = parse_log_level("", node.as_string()->get());
  };
}

auto keys_of(Config& config) {
  return std::array{
      Key{"models", texts(config.models)},
      Key{"model_dir", text(config.model_dir)},
      Key{"endpoint", text(config.endpoint)},
      Key{"group", text(config.group)},
      Key{"admin_group", text(config.admin_group)},
      Key{"device", text(config.device)},
      Key{"threads", integer(config.threads)},
      Key{"weights", text(config.weights)},
      Key{"kv", text(config.kv)},
      Key{"kv_memory", text(config.kv_memory)},
      Key{"spill", text(config.spill)},
      Key{"context", integer(config.context)},
      Key{"max_sequences", integer(config.max_sequences)},
      Key{"max_step_tokens", integer(config.max_step_tokens)},
      Key{"max_waiting", integer(config.max_waiting)},
      Key{"prefix_cache", flag(config.prefix_cache)},
      Key{"overlap", flag(config.overlap)},
      Key{"speculation", text(config.speculation)},
      Key{"drain_seconds", integer(config.drain_seconds)},
      Key{"log_level", log_level(config.log_level)},
  };
}

template <class Keys>
void read_key(const Keys& keys, std::string_view name, const toml::node& node,
              const std::string& where) {
  std::vector<std::string_view> names;
  for (const Key& key : keys) {
    if (key.name == name) return key.read(node);
    names.push_back(key.name);
  }
  throw ConfigError(where + "unknown key " + in_quotes(name) + did_you_mean(name, names));
}

}  // namespace

void read_config_file(const std::filesystem::path& path, Config& config) {
  toml::table table;
  try {
    table = toml::parse_file(path.string());
  } catch (const toml::parse_error& error) {
    const auto line = error.source().begin.line;
    throw ConfigError(path.string() + (line ? ":" + std::to_string(line) : "") + ": " +
                      std::string(error.description()));
  }
  const auto keys = keys_of(config);
  for (const auto& [key, node] : table) {
    const std::string where = path.string() + ":" + std::to_string(node.source().begin.line) + ": ";
    try {
      read_key(keys, key.str(), node, "");
      check_keys(config, "");
    } catch (const ConfigError& error) {
      const std::string what = error.what();
      const bool named = what.find(key.str()) != std::string::npos;
      throw ConfigError(where + (named ? "" : std::string(key.str()) + ": ") + what);
    }
  }
  check(config, path.string() + ": ");
}

}  // namespace nanoflow
