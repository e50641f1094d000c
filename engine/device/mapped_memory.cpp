#include "engine/device/mapped_memory.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

namespace nanoflow {

MappedMemory::MappedMemory(std::size_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  // NORESERVE: a KV pool may be larger than what is free now, and is used little by little.
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(address);
  madvise(address, bytes, MADV_HUGEPAGE);  // a wish: a kernel without huge pages refuses
}

MappedMemory::~MappedMemory() {
  if (data_) munmap(data_, bytes_);
}

MappedMemory::MappedMemory(MappedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

MappedMemory& MappedMemory::operator=(MappedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

}  // namespace nanoflow
