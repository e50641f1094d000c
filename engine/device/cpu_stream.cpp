#include "engine/device/cpu_stream.hpp"

#include <chrono>
#include <stdexcept>

#include "engine/device/cpu_model.hpp"

namespace nanoflow {

namespace {

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void wait_or_record(const Instruction& instruction, CpuStep& step, bool leader) {
  auto& event = step.events[instruction.event];
  // A launch ends when all workers are done with it, so one of them may say so.
  if (instruction.type == Instruction::Type::wait) {
    event.wait();
  } else if (leader) {
    event.record();
  }
}

/// Worker 0 of the team keeps the time: what passes between two launches' ends is the later one's.
void execute(const CpuProgram& program, const Crew& crew, ProgramTimeline* timeline) {
  std::int64_t last = timeline ? timeline->start_ns : 0;
  for (const auto& instruction : program.instructions) {
    if (instruction.type != Instruction::Type::launch) {
      wait_or_record(instruction, *program.buffer, timeline != nullptr);
      continue;
    }
    program.model->launch(crew, instruction, *program.buffer);
    if (!timeline) continue;
    const std::int64_t now = now_ns();
    timeline->kind_ns[static_cast<int>(instruction.kind)] += now - last;
    last = now;
  }
}

}  // namespace

CpuStream::CpuStream(std::string name, int index, int first_worker, std::vector<int> cpus)
    : name_(std::move(name)), index_(index), first_worker_(first_worker), team_(std::move(cpus)) {}

ProgramTimeline CpuStream::run(const Program& program) {
  const auto* own = dynamic_cast<const CpuProgram*>(&program);
  if (!own || own->stream != index_)
    throw std::logic_error("stream \"" + name_ + "\": the program of step " +
                           std::to_string(program.step) + " is not for it");
  ProgramTimeline timeline;
  timeline.step = program.step;
  timeline.flops = own->flops;
  timeline.bytes = own->bytes;
  timeline.start_ns = now_ns();
  team_.run([&](int worker) {
    execute(*own, Crew{team_, first_worker_ + worker, index_}, worker == 0 ? &timeline : nullptr);
  });
  timeline.end_ns = now_ns();
  return timeline;
}

}  // namespace nanoflow
