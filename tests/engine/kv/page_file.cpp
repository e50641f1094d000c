#include "engine/kv/page_file.hpp"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <vector>

namespace nanoflow {
namespace {

using Engine = PageFile::Engine;
using Bytes = std::vector<std::byte>;
constexpr std::size_t page_bytes = 70'000;  // not a multiple of anything

Bytes page(int number) {
  Bytes bytes(page_bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::byte>((i * 31 + static_cast<std::size_t>(number) * 7) % 251);
  return bytes;
}

/// A folder that goes with the test.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("nanoflow-spill-" + std::to_string(getpid()));
  Folder() { std::filesystem::remove_all(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

/// A file, and how its transfers ended.
struct Filed {
  explicit Filed(Engine engine, int n_slots = 16)
      : file({folder.path, page_bytes, n_slots, engine}, [this](const PageTransferEnd& end) {
          const std::lock_guard lock(mutex);
          ends[end.id] = end;
          changed.notify_all();
        }) {}

  void start(std::uint64_t id, bool out, int slot, Bytes& bytes) {
    file.start({.id = id, .out = out, .slot = slot, .bytes = bytes});
  }
  std::string wait(std::uint64_t id) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ends.contains(id); });
    return ends.at(id).error;
  }
  std::string copy(bool out, int slot, Bytes& bytes) {
    start(++last, out, slot, bytes);
    return wait(last);
  }

  Folder folder;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::uint64_t, PageTransferEnd> ends;
  std::uint64_t last = 1000;
  PageFile file;  // the last member: it still reports when it goes
};

/// The engines that this machine permits.
std::vector<Engine> engines() {
  std::vector<Engine> all = {Engine::thread, Engine::caller};
  try {
    Filed filed(Engine::io_uring);
    all.push_back(Engine::io_uring);
  } catch (const std::system_error&) {
    BOOST_TEST_MESSAGE("skipped: io_uring, which this kernel does not permit");
  }
  return all;
}

/// In a process of its own: true where `holds` does.
template <class Holds>
bool in_a_child(Holds holds) {
  const pid_t child = fork();
  if (child == 0) _exit(holds() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// As systemd's SystemCallFilter does it.
bool forbid_io_uring() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{4, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(page_file)

BOOST_AUTO_TEST_CASE(what_was_written_is_read_whatever_the_order) {
  for (const Engine engine : engines()) {
    Filed filed(engine);
    BOOST_TEST_CONTEXT(filed.file.engine()) {
      std::vector<Bytes> pages;
      for (int i = 0; i < 16; ++i) pages.push_back(page(i));
      for (const int slot : {7, 3, 15, 0, 8, 1, 2, 4, 5, 6, 14, 13, 12, 11, 10, 9})
        filed.start(static_cast<std::uint64_t>(slot + 1), true, slot,
                    pages[static_cast<std::size_t>(slot)]);
      for (std::uint64_t id = 1; id <= 16; ++id) BOOST_TEST(filed.wait(id) == "");
      std::vector<Bytes> read(16, Bytes(page_bytes));
      for (int slot = 0; slot < 16; ++slot)
        filed.start(static_cast<std::uint64_t>(100 + slot), false, slot,
                    read[static_cast<std::size_t>(slot)]);
      for (std::uint64_t id = 100; id < 116; ++id) BOOST_TEST(filed.wait(id) == "");
      BOOST_TEST((read == pages));
      auto other = page(99);
      BOOST_TEST(filed.copy(true, 3, other) == "");
      BOOST_TEST(filed.copy(false, 3, read[0]) == "");
      BOOST_TEST((read[0] == other));
      BOOST_TEST(filed.copy(false, 4, read[0]) == "");
      BOOST_TEST((read[0] == pages[4]));
    }
  }
}

BOOST_AUTO_TEST_CASE(nobody_else_finds_the_file) {
  Filed filed(Engine::automatic);
  auto bytes = page(1);
  filed.copy(true, 0, bytes);
  BOOST_TEST(std::filesystem::is_empty(filed.folder.path));
}

BOOST_AUTO_TEST_CASE(no_slot_lies_past_the_files_end) {
  Filed filed(Engine::automatic, 4);
  auto bytes = page(1);
  BOOST_CHECK_THROW(filed.start(1, true, 4, bytes), std::logic_error);
  BOOST_CHECK_THROW(filed.start(1, true, -1, bytes), std::logic_error);
  bytes.pop_back();
  BOOST_CHECK_THROW(filed.start(1, true, 0, bytes), std::logic_error);
}

BOOST_AUTO_TEST_CASE(a_page_that_is_not_there_is_an_error) {
  for (const Engine engine : engines()) {
    Filed filed(engine);
    BOOST_TEST_CONTEXT(filed.file.engine()) {
      auto bytes = page(1);
      BOOST_TEST(filed.copy(true, 1, bytes) == "");
      BOOST_TEST(filed.copy(false, 2, bytes) == "the file ends before the page");
    }
  }
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_an_error) {
  for (const Engine engine : engines()) BOOST_TEST_CONTEXT(static_cast<int>(engine)) {
      BOOST_TEST(in_a_child([&] {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{page_bytes + 1000, page_bytes + 1000};
        setrlimit(RLIMIT_FSIZE, &limit);
        Filed filed(engine);
        auto bytes = page(1);
        return filed.copy(true, 0, bytes).empty() && !filed.copy(true, 1, bytes).empty() &&
               filed.copy(false, 0, bytes).empty();
      }));
    }
}

BOOST_AUTO_TEST_CASE(a_folder_that_cannot_be_is_named) {
  try {
    const PageFile file({"/proc/nowhere", page_bytes, 4, Engine::automatic}, {});
    BOOST_ERROR("it was opened");
  } catch (const std::system_error& error) {
    BOOST_TEST(std::string(error.what()).find("/proc/nowhere") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(where_io_uring_is_forbidden_a_thread_copies) {
  BOOST_TEST(in_a_child([] {
    if (!forbid_io_uring()) return false;
    Filed filed(Engine::automatic);
    auto bytes = page(1), read = page(2);
    return filed.file.engine() == "thread" && filed.copy(true, 3, bytes).empty() &&
           filed.copy(false, 3, read).empty() && read == bytes;
  }));
}

BOOST_AUTO_TEST_CASE(its_end_waits_for_what_is_in_flight) {
  for (const Engine engine : engines()) {
    std::vector<Bytes> pages(16, page(1));
    std::optional<Filed> filed;
    filed.emplace(engine);
    for (int slot = 0; slot < 16; ++slot)
      filed->start(static_cast<std::uint64_t>(slot), true, slot,
                   pages[static_cast<std::size_t>(slot)]);
    filed.reset();
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace nanoflow
