#include "engine/model/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "engine/model/error.hpp"

namespace nanoflow {

namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw ModelError(path.string() + ": " + what);
}

std::string last_error() {
  return std::generic_category().message(errno);
}

}  // namespace

OpenFile::OpenFile(const std::filesystem::path& path)
    // O_NONBLOCK: a FIFO with a model's name must not hang the daemon.
    : path_(path), descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) fail(path, "cannot be opened: " + last_error());
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    fail(path, "expected a regular file");
  }
}

OpenFile::~OpenFile() {
  ::close(descriptor_);
}

std::uint64_t OpenFile::size() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) fail(path_, "cannot be read: " + last_error());
  return static_cast<std::uint64_t>(status.st_size);
}

Mapping::Mapping(const std::filesystem::path& path, const OpenFile& file) {
  const std::uint64_t size = file.size();
  if (size == 0) fail(path, "expected a model file, found an empty file");
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (memory == MAP_FAILED) fail(path, "cannot be mapped: " + last_error());
  bytes_ = {static_cast<const std::byte*>(memory), size};
}

Mapping::~Mapping() {
  ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void Mapping::forget() const {
  ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
}

void MappedFile::check_intact() const {
  const std::uint64_t size = file_.size();
  if (size < bytes().size()) {
    fail(path_, "was cut while in use: expected " + std::to_string(bytes().size()) +
                    " bytes, found " + std::to_string(size));
  }
  if (guard_.tripped()) {
    fail(path_, "could not be read while in use (cut for a moment, or a failing disk)");
  }
}

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const OpenFile file(path);
  const std::uint64_t size = file.size();
  if (size > max_bytes) {
    fail(path, std::to_string(size) + " bytes, at most " + std::to_string(max_bytes) + " are read");
  }
  std::string text(size, '\0');
  std::uint64_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(file.descriptor(), text.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(path, "cannot be read: " + last_error());
    if (n == 0) break;  // it became shorter
    done += static_cast<std::uint64_t>(n);
  }
  text.resize(done);
  return text;
}

}  // namespace nanoflow
