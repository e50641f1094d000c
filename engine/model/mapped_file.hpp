#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "engine/model/bus_guard.hpp"

namespace nanoflow {

/// A file that is open for reading; its size is that of the moment.
class OpenFile {
 public:
  /// Throws ModelError where it cannot be opened or is no regular file.
  explicit OpenFile(const std::filesystem::path& path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  int descriptor() const { return descriptor_; }
  std::uint64_t size() const;

 private:
  std::filesystem::path path_;
  int descriptor_;
};

/// All bytes of a file, mapped read-only.
class Mapping {
 public:
  Mapping(const std::filesystem::path& path, const OpenFile& file);
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  /// What was read counts as this process's memory until then. It can be read again: from the
  /// kernel's cache of files, or from the disk.
  void forget() const;

 private:
  std::span<const std::byte> bytes_;
};

/// A whole file, read-only in memory. Somebody may cut the file while it is mapped: what is behind
/// its new end then reads as zeros (bus_guard.hpp), and check_intact tells. Nothing in it is sure
/// to be still what it was when it was checked, so readers check lengths whenever they read them.
class MappedFile {
 public:
  /// Throws ModelError.
  explicit MappedFile(const std::filesystem::path& path)
      : path_(path), file_(path), mapping_(path, file_), guard_(mapping_.bytes()) {}

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return mapping_.bytes(); }

  /// Throws ModelError if the file became shorter, or could not be read, since it was opened: then
  /// what was read before this call may be wrong.
  void check_intact() const;
  /// Gives back the memory of what was read (Mapping::forget).
  void forget() const { mapping_.forget(); }

 private:
  std::filesystem::path path_;
  OpenFile file_;
  Mapping mapping_;
  BusGuard guard_;
};

/// A small file as it is, by read, not by mapping. Throws ModelError, also when it is larger.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace nanoflow
