#include "engine/kv/page_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace nanoflow {
namespace {

[[noreturn]] void failed(const std::string& what, const std::filesystem::path& folder, int error) {
  throw std::system_error(error, std::generic_category(), what + " in " + folder.string());
}

/// A file that never had a name; where the file system cannot do that, one that loses it at once.
int open_nameless(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);  // the open says what is wrong
  const int file = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) return file;
  if (errno != EOPNOTSUPP && errno != EISDIR) failed("a spill file", folder, errno);
  std::string name = (folder / "spill-XXXXXX").string();
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named < 0) failed("a spill file", folder, errno);
  if (unlink(name.c_str()) != 0) {
    const int error = errno;
    close(named);
    failed("a spill file without a name", folder, error);
  }
  return named;
}

class CallerTransfers : public PageTransfers {
 public:
  CallerTransfers(int file, std::uint64_t page_bytes, PageTransferEnded ended)
      : file_(file), page_bytes_(page_bytes), ended_(std::move(ended)) {}
  void start(const PageTransfer& transfer) override {
    ended_({transfer.id, 0.001, transfer_now(file_, page_bytes_, transfer)});
  }

 private:
  int file_;
  std::uint64_t page_bytes_;
  PageTransferEnded ended_;
};

}  // namespace

std::string transfer_now(int file, std::uint64_t page_bytes, const PageTransfer& transfer) {
  const std::uint64_t begin = static_cast<std::uint64_t>(transfer.slot) * page_bytes;
  std::size_t done = 0;
  while (done < transfer.bytes.size()) {
    auto* const rest = transfer.bytes.data() + done;
    const std::size_t n = transfer.bytes.size() - done;
    const auto offset = static_cast<off_t>(begin + done);
    const ssize_t moved =
        transfer.out ? pwrite(file, rest, n, offset) : pread(file, rest, n, offset);
    if (moved < 0 && errno == EINTR) continue;
    if (moved < 0) return std::strerror(errno);
    if (moved == 0) return transfer.out ? "nothing was written" : "the file ends before the page";
    done += static_cast<std::size_t>(moved);
  }
  return {};
}

PageFile::PageFile(const Options& options, PageTransferEnded ended)
    : options_(options), file_(open_nameless(options.folder)) {
  const auto page = options.page_bytes;
  if (options.engine == Engine::caller) {
    engine_ = "caller";
    transfers_ = std::make_unique<CallerTransfers>(file_, page, std::move(ended));
    return;
  }
  if (options.engine != Engine::thread) transfers_ = make_uring_transfers(file_, page, ended);
  engine_ = transfers_ ? "io_uring" : "thread";
  if (transfers_) return;
  if (options.engine == Engine::io_uring) {
    close(file_);
    throw std::system_error(ENOSYS, std::generic_category(), "io_uring");
  }
  transfers_ = make_thread_transfers(file_, page, std::move(ended));
}

PageFile::~PageFile() {
  transfers_.reset();
  close(file_);
}

void PageFile::start(const PageTransfer& transfer) {
  if (transfer.slot < 0 || transfer.slot >= options_.n_slots ||
      transfer.bytes.size() != options_.page_bytes)
    throw std::logic_error("page file: slot " + std::to_string(transfer.slot) + " of " +
                           std::to_string(options_.n_slots) + ", " +
                           std::to_string(transfer.bytes.size()) + " bytes of " +
                           std::to_string(options_.page_bytes));
  transfers_->start(transfer);
}

}  // namespace nanoflow
