// What one stream does in one step: a list of launches, with events where it must wait for another
// stream.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "engine/batch/step.hpp"
#include "engine/plan/graph.hpp"
#include "engine/plan/schedule.hpp"

namespace nanoflow {

struct Instruction {
  enum class Type { launch, record, wait };
  Type type = Type::launch;

  // launch
  OperationKind kind = OperationKind::embed;
  int block = 0, operation = 0;            // graph.blocks[block].operations[operation]
  int layer = 0;                           // of a layer's operation
  int row_begin = 0, row_end = 0;          // of the step's rows
  int sampled_begin = 0, sampled_end = 0;  // of the step's rows that sample, those within the rows
  float share = 1.0F;
  Mechanism mechanism = Mechanism::stream;

  // record, wait
  int event = 0;
};

/// Devices derive their own, with what they need to run it.
struct Program {
  std::uint64_t step = 0;
  int stream = 0;
  int n_events = 0;    // of all the step's programs together
  float share = 1.0F;  // of the device, the most that one of its launches has
  std::vector<Instruction> instructions;
  StepShape shape;

  virtual ~Program() = default;
};

/// When a program ran, on the steady clock, and what it spent its time on.
struct ProgramTimeline {
  std::uint64_t step = 0;
  std::int64_t start_ns = 0, end_ns = 0;
  std::int64_t wait_ns = 0;                               // for other streams
  std::array<std::int64_t, n_operation_kinds> kind_ns{};  // by OperationKind
  double flops = 0, bytes = 0;                            // by the graph's count

  double busy_ms() const { return static_cast<double>(end_ns - start_ns - wait_ns) * 1e-6; }
};

/// One program per stream of the schedule. Rows are cut between sequences where a cut is near one,
/// else between two pages of a sequence, whose later rows' attention then also waits for the
/// earlier rows' K and V. A device runs the programs of one step at a time.
std::vector<Program> compile(const Graph& graph, const Schedule& schedule, const Step& step);

}  // namespace nanoflow
