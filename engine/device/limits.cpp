// What this process may use of the machine: its affinity mask, and the limits of its control group
// and of that group's ancestors (kernel documentation, admin-guide/cgroup-v2).
#include "engine/device/limits.hpp"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

#include "engine/device/device.hpp"

namespace nanoflow {

namespace {

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The number at the start of the text; nothing where it is "max" or not there.
std::optional<std::uint64_t> number(const std::string& text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  return std::strtoull(text.c_str(), nullptr, 10);
}

/// Of a group's memory, what the kernel takes back when it is needed: the page cache, where the
/// mapped model files are too.
std::uint64_t reclaimable(const std::filesystem::path& group) {
  std::ifstream stat(group / "memory.stat");
  std::uint64_t bytes = 0, value = 0;
  for (std::string name; stat >> name >> value;)
    if (name == "inactive_file" || name == "active_file") bytes += value;
  return bytes;
}

/// Calls visit(folder) for the process's own group and each one above it.
template <class Visit>
void each_group(const CgroupFiles& files, Visit visit) {
  std::ifstream groups(files.process_groups);
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::")) continue;  // the unified hierarchy
    std::filesystem::path path = std::filesystem::path(line.substr(3)).relative_path();
    while (true) {
      visit(files.root / path);
      if (path.empty()) return;
      path = path.parent_path();
    }
  }
}

}  // namespace

std::vector<int> available_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  if (cpus.empty()) cpus.push_back(0);  // more cores than the mask's type holds
  return cpus;
}

std::optional<int> cgroup_cpus(const CgroupFiles& files) {
  std::optional<int> cpus;
  each_group(files, [&](const std::filesystem::path& group) {
    const auto line = first_line(group / "cpu.max");  // "quota period", in microseconds
    const auto quota = number(line);
    const auto space = line.find(' ');
    if (!quota || space == std::string::npos) return;
    const auto period = number(line.substr(space + 1)).value_or(0);
    if (period == 0) return;
    // Rounded down: a thread more than the quota would be stopped in the middle of each period,
    // and the others would wait for it.
    const auto whole = static_cast<int>(std::max<std::uint64_t>(1, *quota / period));
    cpus = std::min(cpus.value_or(whole), whole);
  });
  return cpus;
}

std::optional<std::uint64_t> cgroup_memory(const CgroupFiles& files) {
  std::optional<std::uint64_t> bytes;
  each_group(files, [&](const std::filesystem::path& group) {
    const auto limit = number(first_line(group / "memory.max"));
    if (!limit) return;
    const auto current = number(first_line(group / "memory.current")).value_or(0);
    const auto used = current - std::min(current, reclaimable(group));
    const std::uint64_t left = *limit > used ? *limit - used : 0;
    bytes = std::min(bytes.value_or(left), left);
  });
  return bytes;
}

int available_threads() {
  const int cpus = static_cast<int>(available_cpus().size());
  return std::min(cpus, cgroup_cpus().value_or(cpus));
}

std::uint64_t available_memory() {
  std::uint64_t free = std::numeric_limits<std::uint64_t>::max();
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);) {
    const auto digits = line.find_first_of("0123456789");
    if (line.starts_with("MemAvailable:") && digits != std::string::npos)
      free = number(line.substr(digits)).value_or(0) << 10;  // in KiB
  }
  return std::min(free, cgroup_memory().value_or(free));
}

}  // namespace nanoflow
