// Finds a Python package's file in whatever package index this machine uses.
#pragma once
#include <optional>
#include <string>

namespace nanoflow::cli {

/// The index's simple API: PIP_INDEX_URL, pip's configuration files, or what pip itself would take.
/// Empty when none of them says.
std::string configured_index();
/// `index-url` in a pip configuration file's text, from its [global], [download] or [install] part.
std::optional<std::string> index_in_config(const std::string& text);

/// The URL of a project's file of this name, by the JSON or the HTML form of the index's page.
/// Throws std::runtime_error when the project or the file is not there.
std::string find_package_file(const std::string& index, const std::string& project,
                              const std::string& file_name);
/// The same in a page that was fetched from `base`.
std::optional<std::string> find_in_page(const std::string& base, const std::string& type,
                                        const std::string& body, const std::string& file_name);

}  // namespace nanoflow::cli
