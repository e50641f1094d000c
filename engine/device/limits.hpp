#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace nanoflow {

/// Where the kernel tells which control group this process is in, and what the groups' limits are.
struct CgroupFiles {
  std::filesystem::path process_groups = "/proc/self/cgroup";
  std::filesystem::path root = "/sys/fs/cgroup";
};

/// The affinity mask's processors, ascending; at least one.
std::vector<int> available_cpus();
/// Whole processors that the group's quota pays for, at least one; nothing without a quota.
std::optional<int> cgroup_cpus(const CgroupFiles& files = {});
/// Bytes left below the group's limit; nothing without a limit.
std::optional<std::uint64_t> cgroup_memory(const CgroupFiles& files = {});

}  // namespace nanoflow
