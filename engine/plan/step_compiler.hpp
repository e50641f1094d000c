#pragma once
#include <span>
#include <vector>

#include "engine/plan/row_cuts.hpp"
#include "engine/plan/step_launches.hpp"

namespace nanoflow {

/// Compiles steps as compile() does, and keeps its memory from one to the next, so that steps like
/// those before allocate nothing.
class StepCompiler {
 public:
  /// Overwrites programs, [streams of the schedule], whose instructions keep their memory as well.
  void compile(const Graph& graph, const Schedule& schedule, const Step& step,
               std::span<Program* const> programs);

 private:
  struct Rows {
    int launch, begin, end;
  };

  void add_block(const Block& block, const std::vector<NanoOperation>& nanos, int index, int layer);
  void add_launch(const Instruction& launch, const Operation& operation, int stream);
  void depend(const std::vector<Rows>& producers, int begin, int end);

  RowCuts rows_;
  StepLaunches launches_;
  int n_streams_ = 0;
  int n_operations_ = 0;                     // of the current block
  std::vector<std::vector<Rows>> produced_;  // [n_operations, or more]
  std::vector<Rows> block_input_;            // launches of the last operation of the block before
  std::vector<int> dependencies_;
};

}  // namespace nanoflow
