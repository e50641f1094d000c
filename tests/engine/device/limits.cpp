#include "engine/device/limits.hpp"

#include <sched.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "engine/device/device.hpp"

using namespace nanoflow;
namespace fs = std::filesystem;

namespace {

/// A tree of control groups as the kernel would show it.
struct Groups {
  fs::path root = fs::temp_directory_path() / ("nanoflow-groups-" + std::to_string(getpid()));
  CgroupFiles files{root / "self", root / "fs"};

  explicit Groups(const std::string& self) { write("self", self); }
  ~Groups() { fs::remove_all(root); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(limits)

BOOST_AUTO_TEST_CASE(the_tightest_quota_of_the_group_and_its_ancestors_counts) {
  Groups groups("1:name=systemd:/other\n0::/system.slice/nanoflowd.service\n");
  BOOST_TEST(!cgroup_cpus(groups.files));
  groups.write("fs/system.slice/nanoflowd.service/cpu.max", "max 100000\n");
  BOOST_TEST(!cgroup_cpus(groups.files));
  groups.write("fs/system.slice/cpu.max", "350000 100000\n");
  BOOST_TEST(cgroup_cpus(groups.files).value() == 3);
  groups.write("fs/system.slice/nanoflowd.service/cpu.max", "50000 100000\n");
  BOOST_TEST(cgroup_cpus(groups.files).value() == 1);
  groups.write("fs/other/cpu.max", "10000 100000\n");
  groups.write("fs/system.slice/nanoflowd.service/cpu.max", "400000 100000\n");
  BOOST_TEST(cgroup_cpus(groups.files).value() == 3);
}

BOOST_AUTO_TEST_CASE(memory_left_is_that_of_the_tightest_group) {
  Groups groups("0::/a/b\n");
  BOOST_TEST(!cgroup_memory(groups.files));
  groups.write("fs/a/b/memory.max", "1000000\n");
  groups.write("fs/a/b/memory.current", "300000\n");
  BOOST_TEST(cgroup_memory(groups.files).value() == 700000);
  groups.write("fs/a/memory.max", "2000000\n");
  groups.write("fs/a/memory.current", "1900000\n");
  BOOST_TEST(cgroup_memory(groups.files).value() == 100000);
  // The page cache gives way: a mapped model file is not memory lost.
  groups.write("fs/a/memory.stat", "anon 900000\ninactive_file 600000\nactive_file 200000\n");
  BOOST_TEST(cgroup_memory(groups.files).value() == 700000);
  groups.write("fs/a/memory.max", "max\n");
  groups.write("fs/a/b/memory.current", "1500000\n");
  BOOST_TEST(cgroup_memory(groups.files).value() == 0);
}

BOOST_AUTO_TEST_CASE(threads_follow_the_affinity) {
  cpu_set_t before;
  BOOST_REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  const int last = available_cpus().back();
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(last, &one);
  BOOST_REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  BOOST_TEST(available_threads() == 1);
  BOOST_TEST(available_cpus().front() == last);
  sched_setaffinity(0, sizeof before, &before);
}

BOOST_AUTO_TEST_CASE(there_is_memory_but_not_without_end) {
  BOOST_TEST(available_memory() > 1U << 20);
  BOOST_TEST(available_memory() < 1ULL << 50);
}

BOOST_AUTO_TEST_SUITE_END()
