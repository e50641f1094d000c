// Files that change under a mapping: nothing crashes, and it is told.
#include "engine/model/mapped_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <thread>

#include "model_files.hpp"

using namespace model_files;
using nanoflow::MappedFile;

namespace {

constexpr std::size_t pages = 64, page = 4096;

std::size_t sum(std::span<const std::byte> bytes) {
  std::size_t total = 0;
  for (const std::byte b : bytes) total += std::to_integer<std::size_t>(b);
  return total;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(mapped_file, Folder)

BOOST_AUTO_TEST_CASE(a_file_cut_while_mapped_reads_as_zeros_and_is_told) {
  const fs::path file = write("weights", std::string(pages * page, '\1'));
  const MappedFile mapped(file);
  BOOST_TEST(sum(mapped.bytes()) == pages * page);
  BOOST_CHECK_NO_THROW(mapped.check_intact());
  fs::resize_file(file, 3 * page);
  BOOST_TEST(sum(mapped.bytes()) == 3 * page);
  const std::string message = refusal([&] { mapped.check_intact(); });
  BOOST_TEST(contains(message, "was cut while in use: expected 262144 bytes, found 12288"),
             message);
}

BOOST_AUTO_TEST_CASE(a_file_cut_for_a_moment_is_told_too) {
  const fs::path file = write("weights", std::string(pages * page, '\1'));
  const MappedFile mapped(file);
  fs::resize_file(file, page);
  BOOST_TEST(sum(mapped.bytes()) == page);
  fs::resize_file(file, pages * page);
  BOOST_TEST(contains(refusal([&] { mapped.check_intact(); }), "could not be read while in use"));
}

BOOST_AUTO_TEST_CASE(another_mapping_is_not_touched) {
  const fs::path a = write("a", std::string(pages * page, '\1'));
  const fs::path b = write("b", std::string(pages * page, '\1'));
  const MappedFile cut(a), whole(b);
  fs::resize_file(a, 0);
  BOOST_TEST(sum(cut.bytes()) == 0U);
  BOOST_TEST(sum(whole.bytes()) == pages * page);
  BOOST_CHECK_NO_THROW(whole.check_intact());
  BOOST_TEST(contains(refusal([&] { cut.check_intact(); }), "was cut"));
}

BOOST_AUTO_TEST_CASE(many_threads_may_read_what_was_cut) {
  const fs::path file = write("weights", std::string(pages * page, '\1'));
  const MappedFile mapped(file);
  fs::resize_file(file, page);
  std::vector<std::jthread> readers;
  std::array<std::size_t, 8> sums{};
  for (std::size_t& total : sums) readers.emplace_back([&] { total = sum(mapped.bytes()); });
  readers.clear();
  for (const std::size_t total : sums) BOOST_TEST(total == page);
}

BOOST_AUTO_TEST_CASE(a_bus_error_elsewhere_still_kills) {
  const fs::path file = write("weights", std::string(page, '\1'));
  const pid_t child = ::fork();
  BOOST_REQUIRE(child >= 0);
  if (child == 0) {
    ::signal(SIGBUS, SIG_DFL);  // the test framework's handler goes
    const MappedFile guarded(file);
    const int descriptor = ::open(write("unguarded", std::string(page, '\1')).c_str(), O_RDWR);
    void* const memory = ::mmap(nullptr, page, PROT_READ, MAP_SHARED, descriptor, 0);
    fs::resize_file(path / "unguarded", 0);
    ::_exit(*static_cast<volatile const char*>(memory));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS));
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_refused) {
  BOOST_TEST(contains(refusal([&] { MappedFile{path}; }), "expected a regular file"));
  BOOST_TEST(contains(refusal([&] { MappedFile{"/dev/null"}; }), "expected a regular file"));
  ::mkfifo((path / "pipe").c_str(), 0600);
  BOOST_TEST(contains(refusal([&] { MappedFile{path / "pipe"}; }), "expected a regular file"));
  BOOST_TEST(contains(refusal([&] { nanoflow::read_file(write("big", "12345"), 4); }),
                      "5 bytes, at most 4"));
  BOOST_TEST(nanoflow::read_file(write("fits", "1234"), 4) == "1234");
  BOOST_TEST(nanoflow::read_file(write("none", ""), 4).empty());
}

BOOST_AUTO_TEST_SUITE_END()
