#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/text/tokenizer.hpp"

namespace nanoflow::test {

inline std::filesystem::path tokenizer_data(const std::string& name) {
  return std::filesystem::path(NANOFLOW_TEST_DATA) / "tokenizer" / name;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// The 11,000 texts of tests/data/tokenizer/corpus.py.
inline const std::vector<std::string>& corpus_lines() {
  static const std::vector<std::string> lines = [] {
    const std::string bytes = read_file(tokenizer_data("lines.bin"));
    std::vector<std::string> read;
    for (std::size_t at = 0; at + 2 <= bytes.size();) {
      const std::size_t size =
          static_cast<unsigned char>(bytes[at]) + 256U * static_cast<unsigned char>(bytes[at + 1]);
      read.push_back(bytes.substr(at + 2, size));
      at += 2 + size;
    }
    return read;
  }();
  return lines;
}

/// FNV-1a of the ids as 32-bit little-endian numbers, as make_goldens.py computes it.
template <class Ids>
std::string hash_ids(const Ids& ids) {
  std::uint32_t value = 2166136261U;
  for (const auto id : ids) {
    for (int shift = 0; shift < 32; shift += 8)
      value = (value ^ (static_cast<std::uint32_t>(id) >> shift & 0xFF)) * 16777619U;
  }
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) text += digits[value >> shift & 15];
  return text;
}

inline std::string hash_bytes(const std::string& text) {
  return hash_ids(std::vector<unsigned char>(text.begin(), text.end()));
}

/// Numbers of the lines whose result differs from the golden.
template <class Hash>
std::vector<std::size_t> differing_lines(const nlohmann::json& golden, Hash hash) {
  const auto& expected = golden.at("hashes").get_ref<const std::string&>();
  const auto stride = golden.at("stride").get<std::size_t>();
  std::vector<std::size_t> differing;
  for (std::size_t i = 0, at = 0; i < corpus_lines().size(); i += stride, at += 8) {
    if (expected.compare(at, 8, hash(corpus_lines()[i])) != 0) differing.push_back(i);
  }
  return differing;
}

}  // namespace nanoflow::test
