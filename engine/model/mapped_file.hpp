#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace nanoflow {

/// A whole file, read-only in memory.
class MappedFile {
 public:
  /// Throws ModelError.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes);

  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

}  // namespace nanoflow
