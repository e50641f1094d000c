#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/model/tensor_view.hpp"

namespace nanoflow {

/// A mapped GGUF file (version 2 or 3): its metadata, and its tensors where they lie. Everything
/// was checked on opening: counts, strings and arrays lie inside the file, tensors lie inside it,
/// aligned, without overlap. A vocabulary-only file has no tensors. Format: ggml's docs/gguf.md.
class GgufFile {
 public:
  /// Throws ModelError (what, where, expected, found).
  static std::shared_ptr<const GgufFile> open(const std::filesystem::path& path);
  ~GgufFile();

  const std::filesystem::path& path() const;
  std::uint64_t file_bytes() const;
  /// Throws ModelError if the file became shorter since it was opened: what was read before may be
  /// wrong.
  void check_intact() const;
  /// Gives back the memory of what was read, which can be read again.
  void forget() const;

  // Metadata. Empty where the key is not there; ModelError where its value is of another type.
  // Numbers are converted where no value is lost.
  bool has(std::string_view key) const;
  /// How many elements an array has; empty where the key is not there or holds no array.
  std::optional<std::uint64_t> array_size(std::string_view key) const;
  std::optional<std::string_view> text(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  std::optional<std::vector<std::string_view>> texts(std::string_view key) const;
  std::optional<std::vector<std::int64_t>> integers(std::string_view key) const;
  std::optional<std::vector<float>> numbers(std::string_view key) const;

  std::span<const TensorView> tensors() const;
  const TensorView* find_tensor(std::string_view name) const;

 private:
  struct Impl;
  explicit GgufFile(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace nanoflow
