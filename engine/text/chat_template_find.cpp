// Where a model keeps its chat template.
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/model/error.hpp"
#include "engine/text/chat_template.hpp"
#include "engine/text/jinja_limits.hpp"

namespace nanoflow {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t max_config_bytes = 64u << 20;  // of a tokenizer_config.json

std::string read_text(const fs::path& path, std::uintmax_t limit) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) throw ModelError(path.string() + ": " + error.message());
  if (size > limit) {
    throw ModelError(path.string() + ": " + std::to_string(size) + " bytes, at most " +
                     std::to_string(limit) + " are read");
  }
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) throw ModelError(path.string() + ": cannot be read");
  return text;
}

/// JSON nests as deep as its writer likes, so the parser is told to leave out what no template
/// needs.
nlohmann::json parse_shallow(const fs::path& path, const std::string& text) {
  const auto keep = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    return depth < 8;
  };
  try {
    return nlohmann::json::parse(text, keep);
  } catch (const nlohmann::json::exception& error) {
    throw ModelError(path.string() + ": " + error.what());
  }
}

/// tokenizer_config.json's chat_template: a string, or a list of named ones.
std::optional<std::string> from_config(const fs::path& path) {
  const nlohmann::json config = parse_shallow(path, read_text(path, max_config_bytes));
  if (!config.is_object() || !config.contains("chat_template")) return std::nullopt;
  const nlohmann::json& found = config["chat_template"];
  if (found.is_null()) return std::nullopt;
  if (found.is_string()) return found.get<std::string>();
  const nlohmann::json* first = nullptr;
  if (found.is_array()) {
    for (const nlohmann::json& item : found) {
      const bool named = item.is_object() && item.contains("name") && item.contains("template") &&
                         item["template"].is_string();
      if (!named) continue;
      if (item["name"] == "default") return item["template"].get<std::string>();
      if (first == nullptr) first = &item["template"];
    }
  }
  if (first != nullptr) return first->get<std::string>();
  throw ModelError(path.string() +
                   ": chat_template must be a string or a list of {name, template}, found " +
                   found.type_name());
}

/// Walks the metadata of a GGUF file up to one string, and reads nothing else.
class GgufStrings {
 public:
  explicit GgufStrings(const fs::path& path)
      : path_(path), size_(fs::file_size(path)), file_(path, std::ios::binary) {}

  std::optional<std::string> find(std::string_view wanted) {
    take<std::uint32_t>();  // the magic, which the caller has seen
    const auto version = take<std::uint32_t>();
    if (version != 2 && version != 3)
      fail("version " + std::to_string(version) + ", expected 2 or 3");
    take<std::uint64_t>();  // tensors
    for (auto n = take<std::uint64_t>(); n > 0; --n) {
      const std::string key = text(take<std::uint64_t>(), 65535);
      const auto type = take<std::uint32_t>();
      if (key != wanted) {
        skip_value(type, 0);
      } else if (type != string_type) {
        fail(key + " has type " + std::to_string(type) + ", expected a string");
      } else {
        return text(take<std::uint64_t>(), jinja::limits::source_bytes);
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint32_t string_type = 8, array_type = 9;

  [[noreturn]] void fail(const std::string& what) const {
    throw ModelError(path_.string() + ": " + what);
  }

  /// Checks that n more bytes are in the file.
  void claim(std::uint64_t n) {
    if (n > size_ - at_) fail("the metadata goes past the end of the file");
    at_ += n;
  }
  template <class T>
  T take() {
    claim(sizeof(T));
    T value{};
    file_.read(reinterpret_cast<char*>(&value), sizeof value);
    if (!file_) fail("cannot be read");
    return value;
  }
  std::string text(std::uint64_t n, std::uint64_t limit) {
    if (n > limit) {
      fail("a text of " + std::to_string(n) + " bytes, at most " + std::to_string(limit) +
           " are taken");
    }
    claim(n);
    std::string out(n, '\0');
    file_.read(out.data(), static_cast<std::streamsize>(n));
    if (!file_) fail("cannot be read");
    return out;
  }
  void skip(std::uint64_t n) {
    claim(n);
    if (n < 4096) {  // stays in the stream's buffer
      file_.ignore(static_cast<std::streamsize>(n));
    } else {
      file_.seekg(static_cast<std::streamoff>(at_));
    }
  }
  void skip_value(std::uint32_t type, int depth) {
    static constexpr std::uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (type >= std::size(sizes)) fail("a value of unknown type " + std::to_string(type));
    if (type == string_type) return skip(take<std::uint64_t>());
    if (type != array_type) return skip(sizes[type]);
    const auto inner = take<std::uint32_t>();
    const auto n = take<std::uint64_t>();
    if (inner >= std::size(sizes) || depth > 2) fail("an array of unknown type");
    if (sizes[inner] != 0) {
      if (n > size_) fail("an array goes past the end of the file");
      return skip(n * sizes[inner]);
    }
    for (std::uint64_t i = 0; i < n; ++i)
      skip_value(inner, depth + 1);  // each takes bytes of the file
  }

  fs::path path_;
  std::uint64_t size_, at_ = 0;
  std::ifstream file_;
};

}  // namespace

std::optional<std::string> find_chat_template(const fs::path& path) {
  if (fs::is_directory(path)) {
    if (fs::exists(path / "chat_template.jinja")) {
      return read_text(path / "chat_template.jinja", jinja::limits::source_bytes);
    }
    if (fs::exists(path / "tokenizer_config.json"))
      return from_config(path / "tokenizer_config.json");
    return std::nullopt;
  }
  char magic[4] = {};
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ModelError(path.string() + ": cannot be opened");
  file.read(magic, sizeof magic);
  if (std::memcmp(magic, "GGUF", sizeof magic) == 0) {
    return GgufStrings(path).find("tokenizer.chat_template");
  }
  if (path.extension() == ".json") return from_config(path);
  if (path.extension() == ".jinja") return read_text(path, jinja::limits::source_bytes);
  throw ModelError(path.string() + ": expected a GGUF file, a folder or a .jinja file");
}

}  // namespace nanoflow
