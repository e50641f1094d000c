#pragma once
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

/// A folder for the files of one test, which goes with it.
class TemporaryFolder {
 public:
  TemporaryFolder() { std::filesystem::create_directories(path_); }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string path() const { return path_; }
  /// Its path.
  std::string write(const std::string& name, const std::string& text) const {
    const auto file = path_ / name;
    std::ofstream(file) << text;
    return file;
  }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("nanoflow-simulate-" + std::to_string(getpid()));
};
