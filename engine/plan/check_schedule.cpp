#include <cmath>
#include <numeric>
#include <stdexcept>

#include "engine/plan/schedule.hpp"

namespace nanoflow {

namespace {

/// Follows one block's launches and knows what has been launched on which nano-batch.
class BlockCheck {
 public:
  BlockCheck(const Schedule& schedule, const Block& block)
      : schedule_(schedule),
        block_(block),
        n_nano_(static_cast<int>(schedule.nano_batches.size())),
        launched_(block.operations.size(), std::vector<bool>(schedule.nano_batches.size())) {}

  void launch(const NanoOperation& launch) {
    check_ranges(launch);
    const auto& operation = block_.operations[launch.operation];
    for (int nano = launch.nano_begin; nano < launch.nano_end; ++nano) {
      if (launched_[launch.operation][nano]) fail(operation, nano, "runs twice");
      for (const int input : operation.inputs) check_input(operation, input, nano);
    }
    for (int nano = launch.nano_begin; nano < launch.nano_end; ++nano)
      launched_[launch.operation][nano] = true;
  }

  void finish() const {
    for (std::size_t index = 0; index < block_.operations.size(); ++index)
      for (int nano = 0; nano < n_nano_; ++nano)
        if (!launched_[index][nano]) fail(block_.operations[index], nano, "never runs");
  }

 private:
  void check_ranges(const NanoOperation& launch) const {
    if (launch.operation < 0 || launch.operation >= std::ssize(block_.operations))
      fail("operation " + std::to_string(launch.operation) + " is not one of the block's " +
           std::to_string(block_.operations.size()));
    const auto& operation = block_.operations[launch.operation];
    if (launch.nano_begin < 0 || launch.nano_begin >= launch.nano_end || launch.nano_end > n_nano_)
      fail(operation.name + " runs on nano-batches [" + std::to_string(launch.nano_begin) + ", " +
           std::to_string(launch.nano_end) + "), expected a part of [0, " +
           std::to_string(n_nano_) + ")");
    if (launch.stream < 0 || launch.stream >= std::ssize(schedule_.streams))
      fail(operation.name + " runs on stream " + std::to_string(launch.stream) + " of " +
           std::to_string(schedule_.streams.size()));
    if (!(launch.share > 0.0F && launch.share <= 1.0F))
      fail(operation.name + " has a share of " + std::to_string(launch.share) +
           ", expected more than 0 and at most 1");
  }

  void check_input(const Operation& operation, int input, int nano) const {
    const auto& producer = block_.operations[input];
    // A sequence may be cut between nano-batches: its later rows attend to its earlier ones.
    const int first = operation.kind == OperationKind::attention ? 0 : nano;
    for (int other = first; other <= nano; ++other)
      if (!launched_[input][other])
        fail(operation, nano,
             "runs before " + producer.name + " on nano-batch " + std::to_string(other));
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw std::logic_error("schedule \"" + schedule_.name + "\", block \"" + block_.name +
                           "\": " + what);
  }
  [[noreturn]] void fail(const Operation& operation, int nano, const std::string& what) const {
    fail(operation.name + " on nano-batch " + std::to_string(nano) + " " + what);
  }

  const Schedule& schedule_;
  const Block& block_;
  int n_nano_;
  std::vector<std::vector<bool>> launched_;  // [operations][nano-batches]
};

void check_nano_batches(const Schedule& schedule) {
  double sum = 0;
  for (const float part : schedule.nano_batches) {
    if (!(part > 0.0F))
      throw std::logic_error("schedule \"" + schedule.name + "\": a nano-batch has " +
                             std::to_string(part) + " of the work, expected more than 0");
    sum += part;
  }
  if (!(std::abs(sum - 1.0) < 1e-3))
    throw std::logic_error("schedule \"" + schedule.name + "\": nano-batches sum to " +
                           std::to_string(sum) + " of the work, expected 1");
}

}  // namespace

void check_schedule(const Graph& graph, const Schedule& schedule) {
  check_nano_batches(schedule);
  if (schedule.blocks.size() != graph.blocks.size())
    throw std::logic_error("schedule \"" + schedule.name + "\" has " +
                           std::to_string(schedule.blocks.size()) + " blocks, expected " +
                           std::to_string(graph.blocks.size()));
  for (std::size_t index = 0; index < graph.blocks.size(); ++index) {
    BlockCheck check(schedule, graph.blocks[index]);
    for (const auto& launch : schedule.blocks[index]) check.launch(launch);
    check.finish();
  }
}

void check_schedule(const Graph& graph, const Schedule& schedule, int n_streams) {
  check_schedule(graph, schedule);
  if (std::ssize(schedule.streams) > n_streams)
    throw std::logic_error("schedule \"" + schedule.name + "\" has " +
                           std::to_string(schedule.streams.size()) + " streams, the device " +
                           std::to_string(n_streams));
}

}  // namespace nanoflow
