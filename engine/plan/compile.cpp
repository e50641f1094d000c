#include <algorithm>
#include <stdexcept>

#include "engine/plan/program.hpp"
#include "engine/plan/row_cuts.hpp"

namespace nanoflow {

namespace {

/// Launches of the whole step in an order that respects their dependencies, and who waits for whom.
///
/// Each launch has a vector clock: how many launches of each stream are known to be done when it is
/// done. A dependency that the clock already covers needs no event.
class Launches {
 public:
  explicit Launches(int n_streams) : n_streams_(n_streams), newest_(n_streams, none) {}

  /// dependencies: indices of earlier launches; sorted in place.
  int add(const Instruction& instruction, int stream, std::vector<int>& dependencies) {
    const int index = static_cast<int>(launches_.size());
    auto& launch = launches_.emplace_back(Launch{instruction, stream, none});
    const std::size_t clock = clocks_.size();
    clocks_.resize(clock + n_streams_, 0);
    if (newest_[stream] != none) merge(clock, newest_[stream]);
    // The newest first: it may cover older ones, never the reverse.
    std::sort(dependencies.begin(), dependencies.end(), std::greater<>());
    launch.wait_begin = static_cast<int>(waits_.size());
    for (const int producer : dependencies) {
      const auto& other = launches_[producer];
      if (other.stream == stream || clocks_[clock + other.stream] >= own_clock(producer)) continue;
      waits_.push_back(producer);
      merge(clock, producer);
    }
    launch.wait_end = static_cast<int>(waits_.size());
    ++clocks_[clock + stream];
    newest_[stream] = index;
    return index;
  }

  /// Numbers the events and writes each stream's instructions.
  void emit(std::vector<Program>& programs) {
    int n_events = 0;
    for (const int producer : waits_)
      if (launches_[producer].event == none) launches_[producer].event = n_events++;
    for (auto& program : programs) program.n_events = n_events;
    for (const auto& launch : launches_) {
      auto& instructions = programs[launch.stream].instructions;
      for (int wait = launch.wait_begin; wait < launch.wait_end; ++wait)
        instructions.push_back(event(Instruction::Type::wait, launches_[waits_[wait]].event));
      instructions.push_back(launch.instruction);
      auto& share = programs[launch.stream].share;
      share = std::max(share, launch.instruction.share);
      if (launch.event != none)
        instructions.push_back(event(Instruction::Type::record, launch.event));
    }
  }

 private:
  static constexpr int none = -1;  // no launch, no event
  struct Launch {
    Instruction instruction;
    int stream = 0;
    int event = none;
    int wait_begin = 0, wait_end = 0;  // in waits_
  };

  static Instruction event(Instruction::Type type, int number) {
    Instruction instruction;
    instruction.type = type;
    instruction.event = number;
    return instruction;
  }
  int own_clock(int launch) const {
    return clocks_[static_cast<std::size_t>(launch) * n_streams_ + launches_[launch].stream];
  }
  void merge(std::size_t clock, int launch) {
    const std::size_t other = static_cast<std::size_t>(launch) * n_streams_;
    for (int stream = 0; stream < n_streams_; ++stream)
      clocks_[clock + stream] = std::max(clocks_[clock + stream], clocks_[other + stream]);
  }

  int n_streams_;
  std::vector<int> newest_;  // [n_streams], a stream's last launch
  std::vector<Launch> launches_;
  std::vector<int> clocks_;  // [launches, n_streams]
  std::vector<int> waits_;   // producers
};

class Compiler {
 public:
  Compiler(const Graph& graph, const Schedule& schedule, const Step& step, const StepShape& shape)
      : graph_(graph),
        schedule_(schedule),
        rows_(step, schedule.nano_batches.size() > 1 ? row_cost(graph, shape) : RowCost(),
              schedule.nano_batches),
        launches_(static_cast<int>(schedule.streams.size())) {}

  Launches& run() {
    add_block(0, 0);
    for (int layer = 0; layer < std::ssize(graph_.layers); ++layer)
      add_block(graph_.layers[layer], layer);
    add_block(graph_.epilogue_index(), 0);
    return launches_;
  }

 private:
  struct Rows {
    int launch, begin, end;
  };

  void add_block(int block, int layer) {
    const auto& operations = graph_.blocks[block].operations;
    if (!produced_.empty()) block_input_.swap(produced_.back());
    produced_.resize(operations.size());
    for (auto& launches : produced_) launches.clear();
    for (const auto& nano : schedule_.blocks[block]) {
      Instruction launch;
      launch.kind = operations[nano.operation].kind;
      launch.block = block;
      launch.operation = nano.operation;
      launch.layer = layer;
      launch.row_begin = rows_.begin(nano.nano_begin);
      launch.row_end = rows_.begin(nano.nano_end);
      launch.sampled_begin = rows_.sampled_before(launch.row_begin);
      launch.sampled_end = rows_.sampled_before(launch.row_end);
      launch.share = nano.share;
      launch.mechanism = nano.mechanism;
      const bool sampled = operations[nano.operation].sampled_rows;
      if (launch.row_begin == launch.row_end) continue;
      if (sampled && launch.sampled_begin == launch.sampled_end) continue;
      add_launch(launch, operations[nano.operation], nano.stream);
    }
  }

  void add_launch(const Instruction& launch, const Operation& operation, int stream) {
    dependencies_.clear();
    if (schedule_.streams.size() > 1) {
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

  void depend(const std::vector<Rows>& producers, int begin, int end) {
    for (const auto& rows : producers)
      if (rows.begin < end && begin < rows.end) dependencies_.push_back(rows.launch);
  }

  const Graph& graph_;
  const Schedule& schedule_;
  RowCuts rows_;
  Launches launches_;
  std::vector<std::vector<Rows>> produced_;  // [operations of the current block]
  std::vector<Rows> block_input_;            // launches of the last operation of the block before
  std::vector<int> dependencies_;
};

}  // namespace

std::vector<Program> compile(const Graph& graph, const Schedule& schedule, const Step& step) {
  std::vector<Program> programs(schedule.streams.size());
  const auto shape = step_shape(step, graph.window);
  for (std::size_t stream = 0; stream < programs.size(); ++stream) {
    programs[stream].step = step.number;
    programs[stream].stream = static_cast<int>(stream);
    programs[stream].shape = shape;
    programs[stream].share = 0;
  }
  Compiler(graph, schedule, step, shape).run().emit(programs);
  return programs;
}

}  // namespace nanoflow
