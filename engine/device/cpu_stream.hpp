#pragma once
#include <string>
#include <vector>

#include "engine/device/device.hpp"
#include "engine/device/team.hpp"

namespace nanoflow {

/// A team of pinned threads that runs programs, one instruction after the other.
class CpuStream : public DeviceStream {
 public:
  /// first_worker: the number of its worker 0 among the workers of all streams.
  CpuStream(std::string name, int index, int first_worker, std::vector<int> cpus);

  const std::string& name() const override { return name_; }
  int n_workers() const override { return team_.size(); }
  void bind() override { team_.bind(); }
  ProgramTimeline run(const Program& program) override;

 private:
  std::string name_;
  int index_;
  int first_worker_;
  Team team_;
};

}  // namespace nanoflow
