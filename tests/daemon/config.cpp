#include "daemon/config.hpp"

#include <boost/test/unit_test.hpp>
#include <fstream>

namespace nanoflow {
namespace {

struct File {
  explicit File(const std::string& text) { std::ofstream(path) << text; }
  ~File() { std::filesystem::remove(path); }
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("nanoflow-config-" + std::to_string(getpid()));
};

Config read(const std::string& text) {
  const File file(text);
  Config config;
  read_config_file(file.path, config);
  return config;
}

/// The message that a file is refused with.
std::string refusal(const std::string& text) {
  try {
    read(text);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

std::string refused_flag(const std::vector<std::string>& arguments) {
  try {
    make_config(parse_flags(arguments));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

bool holds(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) BOOST_TEST_MESSAGE("'" << part << "' is not in: " << text);
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(a_configuration_file)

BOOST_AUTO_TEST_CASE(sets_what_it_names) {
  const Config config = read(
      "models = ['a', '/b/c.gguf']\nendpoint = 'ipc:///x/y.sock'\nthreads = 3\n"
      "prefix_cache = false\noverlap = false\nkv_memory = '25%'\nlog_level = 'debug'\n"
      "max_waiting = 7\nspeculation = 'off'\n");
  BOOST_TEST(config.models == (std::vector<std::string>{"a", "/b/c.gguf"}),
             boost::test_tools::per_element());
  BOOST_TEST(config.endpoint == "ipc:///x/y.sock");
  BOOST_TEST(config.threads == 3);
  BOOST_TEST(!config.prefix_cache);
  BOOST_TEST(!config.overlap);
  BOOST_TEST(config.speculation == "off");
  BOOST_TEST(config.kv_memory == "25%");
  BOOST_TEST(bool(config.log_level == LogLevel::debug));
  BOOST_TEST(config.max_waiting == 7);
  BOOST_TEST(config.max_sequences == 64);  // what it does not name stays
}

/// Uncommented, the installed file is the defaults.
BOOST_AUTO_TEST_CASE(that_is_installed_has_every_key_with_its_default) {
  std::ifstream shipped(NANOFLOW_TEST_DATA "/../../systemd/nanoflowd.toml");
  std::string text;
  int keys = 0;
  for (std::string line; std::getline(shipped, line);) {
    if (line.size() < 2 || line[0] != '#' || line[1] == ' ' || !holds(line, " = ")) continue;
    text += line.substr(1) + "\n";
    ++keys;
  }
  const Config config = read(text), defaults;
  BOOST_TEST(keys == 20);
  BOOST_TEST(config.models.empty());
  BOOST_TEST(config.endpoint == "ipc:///run/nanoflowd/nanoflowd.sock");
  BOOST_TEST(config.model_dir == "/var/lib/nanoflowd/models");
  BOOST_TEST(config.group == defaults.group);
  BOOST_TEST(config.admin_group == defaults.admin_group);
  BOOST_TEST(config.device == defaults.device);
  BOOST_TEST(config.weights == defaults.weights);
  BOOST_TEST(config.kv == defaults.kv);
  BOOST_TEST(config.kv_memory == defaults.kv_memory);
  BOOST_TEST(config.spill == defaults.spill);
  BOOST_TEST(config.threads == defaults.threads);
  BOOST_TEST(config.context == defaults.context);
  BOOST_TEST(config.max_sequences == defaults.max_sequences);
  BOOST_TEST(config.max_step_tokens == defaults.max_step_tokens);
  BOOST_TEST(config.max_waiting == defaults.max_waiting);
  BOOST_TEST(config.prefix_cache == defaults.prefix_cache);
  BOOST_TEST(config.overlap == defaults.overlap);
  BOOST_TEST(config.speculation == defaults.speculation);
  BOOST_TEST(config.drain_seconds == defaults.drain_seconds);
  BOOST_TEST(bool(config.log_level == defaults.log_level));
}

BOOST_AUTO_TEST_CASE(is_refused_with_line_and_key) {
  const std::string unknown = refusal("threads = 1\n\nmax_wating = 5\n");
  BOOST_TEST(holds(unknown, ":3: "));
  BOOST_TEST(holds(unknown, "max_wating"));
  BOOST_TEST(holds(unknown, "did you mean 'max_waiting'"));

  const std::string type = refusal("device = 'cpu'\nthreads = 'many'\n");
  BOOST_TEST(holds(type, ":2: "));
  BOOST_TEST(holds(type, "threads: expected an integer, found string"));

  BOOST_TEST(holds(refusal("models = 'a'\n"), "models: expected an array of texts"));
  BOOST_TEST(holds(refusal("models = [1]\n"), "models: expected an array of texts"));
  BOOST_TEST(holds(refusal("prefix_cache = 1\n"), "prefix_cache: expected true or false"));
  BOOST_TEST(holds(refusal("threads = -1\n"), "threads"));
  BOOST_TEST(holds(refusal("threads = 99999999999\n"), "threads"));
  BOOST_TEST(holds(refusal("device = 'gpu'\n"), "auto cpu cuda simulated null"));
  for (const char* spill : {"lots", "25%", "-1GiB", "1.2.3GiB", "auto"})
    BOOST_TEST(holds(refusal("spill = '" + std::string(spill) + "'\n"), "spill"));
  BOOST_TEST(read("spill = '8GiB'\n").spill == "8GiB");
  BOOST_TEST(holds(refusal("kv = 'int4'\n"), "kv: 'int4' is not one of auto f32 bf16 int8"));
  BOOST_TEST(holds(refusal("kv_memory = 'lots'\n"), "kv_memory"));
  BOOST_TEST(holds(refusal("speculation = 'on'\n"), "speculation: 'on' is not one of auto off"));
  BOOST_TEST(holds(refusal("endpoint = 'http://x'\n"), "endpoint"));
  BOOST_TEST(holds(refusal("log_level = 'loud'\n"), "log_level"));
  BOOST_TEST(holds(refusal("[server]\nthreads = 1\n"), "unknown key 'server'"));
  BOOST_TEST(holds(refusal("a = = 1\n"), ":1: "));
}

/// Each key alone would be refused beside the other's default.
BOOST_AUTO_TEST_CASE(may_set_keys_that_belong_together_in_any_order) {
  for (const std::string text : {"max_sequences = 1000\nmax_step_tokens = 2048\n",
                                 "max_step_tokens = 2048\nmax_sequences = 1000\n",
                                 "max_step_tokens = 32\nmax_sequences = 16\n"}) {
    BOOST_TEST_CONTEXT(text) BOOST_TEST(refusal(text) == "");
  }
  BOOST_TEST(read("max_sequences = 1000\nmax_step_tokens = 2048\n").max_sequences == 1000);
  BOOST_TEST(holds(refusal("max_sequences = 1000\n"),
                   "max_step_tokens: '512' is not more than max_sequences, 1000"));
  BOOST_TEST(holds(refusal("max_sequences = 5000\nmax_step_tokens = 9000\n"), ":1: max_sequences"));
}

BOOST_AUTO_TEST_CASE(that_is_not_there_is_named) {
  Config config;
  BOOST_CHECK_EXCEPTION(
      read_config_file("/no/such.toml", config), ConfigError,
      [](const ConfigError& error) { return holds(error.what(), "/no/such.toml"); });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(flags)

BOOST_AUTO_TEST_CASE(win_over_the_file) {
  const File file("threads = 3\nmodels = ['a']\nmax_waiting = 9\n");
  const Config config =
      make_config(parse_flags({"--config", file.path.string(), "--threads=5", "--model", "b",
                               "--model", "./c.gguf", "--kv", "int8", "--speculation", "off"}));
  BOOST_TEST(config.threads == 5);
  BOOST_TEST(config.kv == "int8");
  BOOST_TEST(config.speculation == "off");
  BOOST_TEST(config.max_waiting == 9);
  BOOST_REQUIRE_EQUAL(config.models.size(), 2u);
  BOOST_TEST(config.models[0] == "b");
  BOOST_TEST(config.models[1] == (std::filesystem::current_path() / "c.gguf").string());
}

BOOST_AUTO_TEST_CASE(are_refused_by_name) {
  BOOST_TEST(holds(refused_flag({"--modle", "x"}), "did you mean '--model'"));
  BOOST_TEST(holds(refused_flag({"--model"}), "--model needs a value"));
  BOOST_TEST(holds(refused_flag({"--threads", "x"}), "--threads"));
  BOOST_TEST(holds(refused_flag({"--device", "tpu"}), "device"));
  BOOST_TEST(holds(refused_flag({"x.gguf"}), "x.gguf"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
