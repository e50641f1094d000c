#pragma once
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model/mapped_file.hpp"
#include "engine/model/tensor_view.hpp"

namespace nanoflow {

/// A mapped safetensors file: a JSON header, then the tensors' bytes. Everything was checked on
/// opening: each tensor lies inside the file, has the bytes that its shape and type need, and
/// overlaps no other. Format: the README of huggingface/safetensors.
class SafetensorsFile {
 public:
  /// Throws ModelError.
  explicit SafetensorsFile(const std::filesystem::path& path);
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const MappedFile& file() const { return file_; }
  std::span<const TensorView> tensors() const { return tensors_; }

 private:
  TensorView read_tensor(const std::string& name, const nlohmann::json& entry) const;
  void check_overlaps() const;
  [[noreturn]] void fail(std::string_view tensor, const std::string& what) const;

  MappedFile file_;
  std::span<const std::byte> data_;  // after the header
  std::vector<std::string> names_;   // that the views refer to
  std::vector<TensorView> tensors_;
};

}  // namespace nanoflow
