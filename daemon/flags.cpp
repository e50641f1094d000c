#include <charconv>
#include <functional>
#include <map>

#include "client/suggest.hpp"
#include "daemon/config.hpp"

namespace nanoflow {
namespace {

int parse_threads(const std::string& text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end)
    throw ConfigError("--threads: " + in_quotes(text) + " is not a number");
  return value;
}

}  // namespace

Flags parse_flags(const std::vector<std::string>& arguments) {
  Flags flags;
  const std::map<std::string, std::function<void(const std::string&)>, std::less<>> with_value = {
      {"--config", [&](const auto& value) { flags.config_file = value; }},
      {"--model", [&](const auto& value) { flags.models.push_back(value); }},
      {"--endpoint", [&](const auto& value) { flags.endpoint = value; }},
      {"--device", [&](const auto& value) { flags.device = value; }},
      {"--threads", [&](const auto& value) { flags.threads = parse_threads(value); }},
      {"--weights", [&](const auto& value) { flags.weights = value; }},
      {"--kv", [&](const auto& value) { flags.kv = value; }},
      {"--kv-memory", [&](const auto& value) { flags.kv_memory = value; }},
      {"--spill", [&](const auto& value) { flags.spill = value; }},
      {"--speculation", [&](const auto& value) { flags.speculation = value; }},
      {"--log-level", [&](const auto& value) { flags.log_level = value; }},
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    if (name == "--help" || name == "-h") {
      flags.help = true;
    } else if (name == "--version") {
      flags.version = true;
    } else if (const auto flag = with_value.find(name); flag != with_value.end()) {
      if (equals == std::string::npos && i + 1 == arguments.size())
        throw ConfigError(name + " needs a value");
      flag->second(equals == std::string::npos ? arguments[++i] : argument.substr(equals + 1));
    } else {
      std::vector<std::string_view> names = {"--help", "--version"};
      for (const auto& [known, set] : with_value) names.push_back(known);
      throw ConfigError("unknown flag " + in_quotes(argument) + did_you_mean(name, names));
    }
  }
  return flags;
}

std::string usage() {
  return "nanoflowd [FLAGS]: serve large language models from one machine\n\n"
         "  --config FILE       the configuration; flags win over it\n"
         "  --model PATH|NAME   a model to load at start; may be repeated\n"
         "  --endpoint URI      where clients connect: ipc:///path or tcp://127.0.0.1:PORT\n"
         "  --device NAME       auto, cpu, cuda, simulated or null (tokens at no cost)\n"
         "  --threads N         worker threads on the CPU (0: one for each core)\n"
         "  --weights TYPE      auto, f32, bf16, int8 or int4\n"
         "  --kv TYPE           keys and values: auto, f32, bf16 or int8\n"
         "  --kv-memory SIZE    memory for the KV cache: 4GiB, or 25%\n"
         "  --spill SIZE        keep so much of evicted KV pages in a file: 8GiB, or off\n"
         "  --speculation WHEN  auto, or off: guess tokens where that gives more of them\n"
         "  --log-level LEVEL   error, warning, info or debug\n"
         "  --version, --help\n";
}

}  // namespace nanoflow
