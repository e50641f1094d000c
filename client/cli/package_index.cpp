#include "client/cli/package_index.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "client/cli/download.hpp"
#include "client/protocol.hpp"

namespace nanoflow::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string trim(std::string text) {
  text.erase(0, text.find_first_not_of(" \t\r\n"));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

/// In pip's order: what a user says wins over the machine.
std::vector<std::string> config_files() {
  std::vector<std::string> files;
  const auto add = [&](const std::string& folder, const char* rest) {
    if (!folder.empty()) files.push_back(folder + rest);
  };
  add(environment("PIP_CONFIG_FILE"), "");
  add(environment("VIRTUAL_ENV"), "/pip.conf");
  add(environment("XDG_CONFIG_HOME"), "/pip/pip.conf");
  add(environment("HOME"), "/.config/pip/pip.conf");
  add(environment("HOME"), "/.pip/pip.conf");
  add("/etc", "/pip.conf");
  add("/etc/xdg", "/pip/pip.conf");
  return files;
}

/// Where nothing is configured pip has a default of its own, which it tells.
std::string ask_pip() {
  constexpr const char* question =
      "python3 -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)' "
      "2>/dev/null";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(question, "r"), pclose);
  char line[512] = "";
  if (!pipe || !std::fgets(line, sizeof line, pipe.get())) return "";
  return trim(line);
}

std::optional<std::string> find_in_json(const std::string& base, const std::string& body,
                                        const std::string& file_name) {
  const wire::Json page = wire::Json::parse(body, nullptr, false);
  if (!page.is_object() || !page.contains("files")) return std::nullopt;
  for (const auto& file : page["files"])
    if (file.is_object() && file.value("filename", std::string()) == file_name)
      return resolve_url(base, file.value("url", std::string()));
  return std::nullopt;
}

std::string unescape(std::string text) {
  for (std::size_t at = 0; (at = text.find("&amp;", at)) != std::string::npos; ++at)
    text.erase(at + 1, 4);
  return text;
}

std::optional<std::string> find_in_html(const std::string& base, const std::string& body,
                                        const std::string& file_name) {
  constexpr std::string_view key = "href=";
  for (std::size_t at = 0; (at = body.find(key, at)) != std::string::npos;) {
    at += key.size();
    if (at >= body.size() || (body[at] != '"' && body[at] != '\'')) continue;
    const std::size_t end = body.find(body[at], at + 1);
    if (end == std::string::npos) break;
    const std::string link = unescape(body.substr(at + 1, end - at - 1));
    const std::string path = link.substr(0, link.find_first_of("#?"));
    if (path.substr(path.rfind('/') + 1) == file_name) return resolve_url(base, link);
    at = end;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> index_in_config(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  bool ours = false;
  while (std::getline(lines, line)) {
    line = trim(line);
    if (line.starts_with("["))
      ours = line == "[global]" || line == "[download]" || line == "[install]";
    const std::size_t sign = line.find_first_of("=:");
    if (!ours || sign == std::string::npos) continue;
    const std::string key = trim(line.substr(0, sign)), value = trim(line.substr(sign + 1));
    if ((key == "index-url" || key == "index_url") && !value.empty()) return value;
  }
  return std::nullopt;
}

std::string configured_index() {
  if (const std::string url = environment("PIP_INDEX_URL"); !url.empty()) return url;
  for (const std::string& path : config_files()) {
    std::ifstream file(path);
    if (!file) continue;
    if (const auto url = index_in_config({std::istreambuf_iterator<char>(file), {}})) return *url;
  }
  return ask_pip();
}

std::optional<std::string> find_in_page(const std::string& base, const std::string& type,
                                        const std::string& body, const std::string& file_name) {
  return type.find("json") != std::string::npos ? find_in_json(base, body, file_name)
                                                : find_in_html(base, body, file_name);
}

std::string find_package_file(const std::string& index, const std::string& project,
                              const std::string& file_name) {
  const std::string url = index + (index.ends_with('/') ? "" : "/") + project + "/";
  const Page page = fetch_page(url, "application/vnd.pypi.simple.v1+json, text/html;q=0.5");
  const auto found = find_in_page(page.url, page.type, page.body, file_name);
  if (!found) throw std::runtime_error(public_url(url) + " lists no " + file_name);
  return *found;
}

}  // namespace nanoflow::cli
