#include "engine/model/json_file.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/model/error.hpp"
#include "engine/model/mapped_file.hpp"

namespace nanoflow {

namespace {

constexpr int max_depth = 64;  // published files need about ten

/// Watches the parser: it would take any depth, and of a key that is there twice the last.
class Watcher {
 public:
  explicit Watcher(std::string_view where) : where_(where) {}

  bool operator()(int depth, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (depth >= max_depth) refuse("expected at most " + std::to_string(max_depth) + " levels");
    if (event == Event::object_start) keys_.push_back(0);
    if (event == Event::key) ++keys_.back();
    if (event == Event::object_end) {
      if (parsed.size() != keys_.back()) refuse("an object has a key twice");
      keys_.pop_back();
    }
    return true;  // keeps the value
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw ModelError(std::string(where_) + ": " + what);
  }

  std::string_view where_;
  std::vector<std::size_t> keys_;  // of the objects that are open
};

}  // namespace

nlohmann::json parse_json(std::string_view text, std::string_view where) {
  Watcher watcher(where);
  try {
    return nlohmann::json::parse(text, std::ref(watcher));
  } catch (const nlohmann::json::exception& error) {
    throw ModelError(std::string(where) + ": " + printable(error.what(), 300));
  }
}

nlohmann::json read_json(const std::filesystem::path& path, std::uint64_t max_bytes) {
  return parse_json(read_file(path, max_bytes), path.string());
}

}  // namespace nanoflow
