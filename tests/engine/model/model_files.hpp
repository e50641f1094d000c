// Small model files to write in tests: folders, GGUF and safetensors, sound or broken in one place.
#pragma once
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "engine/model/error.hpp"

namespace model_files {

namespace fs = std::filesystem;

inline const fs::path logits = fs::path(NANOFLOW_TEST_DATA) / "logits";

/// A temporary folder that goes with its test.
struct Folder {
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  fs::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path / name, std::ios::binary) << bytes;
    return path / name;
  }
  /// A copy of one of the stored models.
  fs::path copy(const std::string& model) const {
    fs::copy(logits / model, path / model, fs::copy_options::recursive);
    return path / model;
  }
  fs::path path = fs::temp_directory_path() / ("nanoflow_model_" + std::to_string(getpid()));
};

inline std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

inline nlohmann::json read_golden() {
  return nlohmann::json::parse(read(fs::path(NANOFLOW_TEST_DATA) / "model" / "goldens.json"));
}

/// The message of the ModelError that `action` must throw.
template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const nanoflow::ModelError& error) {
    return error.what();
  }
  BOOST_ERROR("expected a ModelError");
  return {};
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The parts of a GGUF file.

template <class T>
std::string bytes(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
inline std::string text(const std::string& s) {
  return bytes<std::uint64_t>(s.size()) + s;
}

enum GgufType : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

inline std::string header(std::uint64_t n_tensors, std::uint64_t n_pairs,
                          std::uint32_t version = 3) {
  return "GGUF" + bytes(version) + bytes(n_tensors) + bytes(n_pairs);
}
template <class T>
std::string pair(const std::string& key, std::uint32_t type, T value) {
  return text(key) + bytes(type) + bytes(value);
}
inline std::string pair(const std::string& key, const std::string& value) {
  return text(key) + bytes<std::uint32_t>(string) + text(value);
}
inline std::string array_head(const std::string& key, std::uint32_t type, std::uint64_t count) {
  return text(key) + bytes<std::uint32_t>(array) + bytes(type) + bytes(count);
}
/// Dimensions innermost first, as in the file; type is ggml's number.
inline std::string tensor(const std::string& name, const std::vector<std::uint64_t>& dimensions,
                          std::uint32_t type, std::uint64_t offset) {
  std::string out = text(name) + bytes(static_cast<std::uint32_t>(dimensions.size()));
  for (const std::uint64_t n : dimensions) out += bytes(n);
  return out + bytes(type) + bytes(offset);
}
inline std::string padded(std::string file, std::size_t alignment = 32) {
  file.resize((file.size() + alignment - 1) / alignment * alignment);
  return file;
}

/// The header is padded as the format's own writer does it.
inline std::string safetensors(std::string head, const std::string& data) {
  while (head.size() % 8 != 0) head += ' ';
  return bytes<std::uint64_t>(head.size()) + head + data;
}

}  // namespace model_files
