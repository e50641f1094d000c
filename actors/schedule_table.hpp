#pragma once
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "client/protocol.hpp"
#include "engine/plan/schedule.hpp"

namespace nanoflow {

/// The schedules that a model can be run by, which one is chosen for a batch, and how long its
/// steps really took.
class ScheduleTable {
 public:
  ScheduleTable(const Graph& graph, std::vector<std::string> streams);

  /// A step of this kind took so long, from the start of its first program to the end of its last.
  void observe(const BatchSignature& signature, double ms);

  /// As the wire's `plan` says it; explained: with the observed times and each block's order.
  wire::Json to_json(bool explained) const;

 private:
  /// Signatures that are treated alike: each number rounded up to a power of two.
  using Bucket = std::tuple<int, int, int>;  // tokens, decoding sequences, mean context
  struct Observed {
    std::uint64_t steps = 0;
    double total_ms = 0, least_ms = 0;
  };
  wire::Json observed() const;
  wire::Json order() const;

  std::vector<std::string> streams_;
  std::vector<Block> blocks_;
  Schedule chosen_;
  std::map<Bucket, Observed> observed_;
};

}  // namespace nanoflow
