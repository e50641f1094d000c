#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace nanoflow {

/// A copy between a slot of the file and memory, which must stay there until it has ended.
struct PageTransfer {
  std::uint64_t id = 0;
  bool out = false;            // to the file
  int slot = 0;                // written before it is read
  std::span<std::byte> bytes;  // [page_bytes]
};
struct PageTransferEnd {
  std::uint64_t id = 0;
  double ms = 0;      // since it began, or since the one before it ended
  std::string error;  // empty: all bytes were copied
};
/// Called by one thread at a time, which is not the one that started the transfer, but for
/// PageFile::Engine::caller.
using PageTransferEnded = std::function<void(const PageTransferEnd&)>;

/// How transfers are done.
class PageTransfers {
 public:
  virtual ~PageTransfers() = default;  // waits for those in flight
  virtual void start(const PageTransfer& transfer) = 0;
};

/// A file of equal slots without a name: nobody else can open it, and it goes with the process. It
/// takes room on the disk as slots are written, and never more than all of them.
class PageFile {
 public:
  enum class Engine {
    automatic,  // io_uring where the kernel permits it, else a thread
    io_uring,
    thread,  // with pread and pwrite
    caller   // done when start returns: for tests in which nothing happens by chance
  };
  struct Options {
    std::filesystem::path folder;  // is made where it is missing
    std::uint64_t page_bytes = 0;
    int n_slots = 0;
    Engine engine = Engine::automatic;
  };
  /// Throws std::system_error: what could not be done, and the folder.
  PageFile(const Options& options, PageTransferEnded ended);
  ~PageFile();
  PageFile(const PageFile&) = delete;
  PageFile& operator=(const PageFile&) = delete;

  /// From one thread at a time. Throws std::logic_error where there is no such slot or the bytes
  /// are not a page's.
  void start(const PageTransfer& transfer);
  const std::string& engine() const { return engine_; }  // "io_uring", "thread" or "caller"

 private:
  Options options_;
  int file_ = -1;
  std::string engine_;
  std::unique_ptr<PageTransfers> transfers_;
};

/// Null where the kernel does not permit io_uring, or lacks it.
std::unique_ptr<PageTransfers> make_uring_transfers(int file, std::uint64_t page_bytes,
                                                    PageTransferEnded ended);
std::unique_ptr<PageTransfers> make_thread_transfers(int file, std::uint64_t page_bytes,
                                                     PageTransferEnded ended);
/// The whole transfer; its error's text, or nothing.
std::string transfer_now(int file, std::uint64_t page_bytes, const PageTransfer& transfer);

}  // namespace nanoflow
