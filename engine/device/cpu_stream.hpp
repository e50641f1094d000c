#pragma once
#include <string>
#include <vector>

#include "engine/device/device.hpp"
#include "engine/device/team.hpp"

namespace nanoflow {

struct CpuProgram;

/// A team of pinned threads that runs programs, one instruction after the other.
class CpuStream : public DeviceStream {
 public:
  /// first_worker: the number of its worker 0 among the workers of all streams. cpus: one worker
  /// for each; a program has as many of them as its share of the device's n_cpus.
  CpuStream(std::string name, int index, int first_worker, std::vector<int> cpus, int n_cpus);

  const std::string& name() const override { return name_; }
  int n_workers() const override { return team_.size(); }
  void bind() override { team_.bind(); }
  std::vector<ProgramTimeline> run(const Program& program) override;

 private:
  void lead(const CpuProgram& program);
  void follow(const CpuProgram& program);
  void execute(const CpuProgram& program);

  std::string name_;
  int index_;
  int first_worker_;
  int n_cpus_;
  Team team_;
};

}  // namespace nanoflow
