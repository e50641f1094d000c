#include <algorithm>
#include <stdexcept>

#include "engine/plan/step_compiler.hpp"

namespace nanoflow {

void StepCompiler::compile(const Graph& graph, const Schedule& schedule, const Step& step,
                           std::span<Program* const> programs) {
  const auto shape = step_shape(step, graph.window);
  n_streams_ = static_cast<int>(schedule.streams.size());
  for (int stream = 0; stream < n_streams_; ++stream) {
    auto& program = *programs[stream];
    program.step = step.number;
    program.stream = stream;
    program.shape = shape;
    program.share = 0;
    program.instructions.clear();
  }
  rows_.assign(step, schedule.nano_batches.size() > 1 ? row_cost(graph, shape) : RowCost(),
               schedule.nano_batches);
  launches_.restart(n_streams_);
  n_operations_ = 0;
  const auto add = [&](int block, int layer) {
    add_block(graph.blocks[block], schedule.blocks[block], block, layer);
  };
  add(0, 0);
  for (int layer = 0; layer < std::ssize(graph.layers); ++layer) add(graph.layers[layer], layer);
  add(graph.epilogue_index(), 0);
  launches_.emit(programs.first(n_streams_));
}

void StepCompiler::add_block(const Block& block, const std::vector<NanoOperation>& nanos, int index,
                             int layer) {
  block_input_.clear();
  if (n_operations_ > 0) block_input_ = produced_[n_operations_ - 1];
  n_operations_ = static_cast<int>(block.operations.size());
  if (std::ssize(produced_) < n_operations_) produced_.resize(n_operations_);
  for (auto& launches : produced_) launches.clear();
  for (const auto& nano : nanos) {
    const auto& operation = block.operations[nano.operation];
    Instruction launch;
    launch.kind = operation.kind;
    launch.block = index;
    launch.operation = nano.operation;
    launch.layer = layer;
    launch.row_begin = rows_.begin(nano.nano_begin);
    launch.row_end = rows_.begin(nano.nano_end);
    launch.sampled_begin = rows_.sampled_before(launch.row_begin);
    launch.sampled_end = rows_.sampled_before(launch.row_end);
    launch.share = nano.share;
    launch.mechanism = nano.mechanism;
    if (launch.row_begin == launch.row_end) continue;
    if (operation.sampled_rows && launch.sampled_begin == launch.sampled_end) continue;
    add_launch(launch, operation, nano.stream);
  }
}

void StepCompiler::add_launch(const Instruction& launch, const Operation& operation, int stream) {
  dependencies_.clear();
  if (n_streams_ > 1) {
    // Attention reads the keys and values of all its sequence's rows, not only its own.
    const int begin = operation.kind == OperationKind::attention
                          ? rows_.sequence_begin(launch.row_begin)
                          : launch.row_begin;
    for (const int input : operation.inputs) depend(produced_[input], begin, launch.row_end);
    if (operation.reads_block_input) depend(block_input_, launch.row_begin, launch.row_end);
  }
  const int index = launches_.add(launch, stream, dependencies_);
  produced_[launch.operation].push_back({index, launch.row_begin, launch.row_end});
}

void StepCompiler::depend(const std::vector<Rows>& producers, int begin, int end) {
  for (const auto& rows : producers)
    if (rows.begin < end && begin < rows.end) dependencies_.push_back(rows.launch);
}

std::vector<Program> compile(const Graph& graph, const Schedule& schedule, const Step& step) {
  std::vector<Program> programs(schedule.streams.size());
  std::vector<Program*> targets;
  for (auto& program : programs) targets.push_back(&program);
  StepCompiler().compile(graph, schedule, step, targets);
  return programs;
}

}  // namespace nanoflow
