#include "engine/plan/step_launches.hpp"

#include <algorithm>
#include <functional>

namespace nanoflow {

namespace {

Instruction event(Instruction::Type type, int number) {
  Instruction instruction;
  instruction.type = type;
  instruction.event = number;
  return instruction;
}

}  // namespace

void StepLaunches::restart(int n_streams) {
  n_streams_ = n_streams;
  newest_.assign(n_streams, none);
  launches_.clear();
  clocks_.clear();
  waits_.clear();
}

int StepLaunches::add(const Instruction& instruction, int stream, std::vector<int>& dependencies) {
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

void StepLaunches::emit(std::span<Program* const> programs) {
  int n_events = 0;
  for (const int producer : waits_)
    if (launches_[producer].event == none) launches_[producer].event = n_events++;
  for (auto* program : programs) program->n_events = n_events;
  for (const auto& launch : launches_) {
    auto& program = *programs[launch.stream];
    auto& instructions = program.instructions;
    for (int wait = launch.wait_begin; wait < launch.wait_end; ++wait)
      instructions.push_back(event(Instruction::Type::wait, launches_[waits_[wait]].event));
    instructions.push_back(launch.instruction);
    program.share = std::max(program.share, launch.instruction.share);
    if (launch.event != none)
      instructions.push_back(event(Instruction::Type::record, launch.event));
  }
}

int StepLaunches::own_clock(int launch) const {
  return clocks_[static_cast<std::size_t>(launch) * n_streams_ + launches_[launch].stream];
}

void StepLaunches::merge(std::size_t clock, int launch) {
  const std::size_t other = static_cast<std::size_t>(launch) * n_streams_;
  for (int stream = 0; stream < n_streams_; ++stream)
    clocks_[clock + stream] = std::max(clocks_[clock + stream], clocks_[other + stream]);
}

}  // namespace nanoflow
