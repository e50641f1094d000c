#include "engine/device/cpu_stream.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <functional>
#include <stdexcept>

#include "engine/device/clock.hpp"
#include "engine/device/cpu_model.hpp"

namespace nanoflow {

namespace {

void wait_or_record(const Instruction& instruction, CpuStep& step, bool leader) {
  auto& event = step.events[instruction.event];
  // A launch ends when all workers are done with it, so one of them may say so.
  if (instruction.type == Instruction::Type::wait) {
    event.wait();
  } else if (leader) {
    event.record();
  }
}

LaunchSpan span_of(const Instruction& launch, int stream, std::int64_t begin_ns,
                   std::int64_t end_ns) {
  return {.kind = launch.kind,
          .stream = stream,
          .block = launch.block,
          .layer = launch.layer,
          .row_begin = launch.row_begin,
          .share = launch.share,
          .begin_ns = begin_ns,
          .end_ns = end_ns};
}

/// Worker 0 of the team keeps the time: what passes between two launches' ends is the later one's.
void run_instructions(const CpuProgram& program, const Crew& crew, ProgramTimeline* timeline) {
  std::int64_t last = timeline ? timeline->start_ns : 0;
  program.forward->begin(crew);
  for (const auto& instruction : program.instructions) {
    const bool launch = instruction.type == Instruction::Type::launch;
    if (launch)
      program.forward->launch(crew, instruction, *program.buffer);
    else
      wait_or_record(instruction, *program.buffer, timeline != nullptr);
    if (!timeline) continue;
    const std::int64_t now = now_ns();
    (launch ? timeline->kind_ns[static_cast<int>(instruction.kind)] : timeline->wait_ns) +=
        now - last;
    if (launch)
      program.buffer->launches[static_cast<std::size_t>(crew.stream)].push_back(
          span_of(instruction, crew.stream, last, now));
    last = now;
  }
}

}  // namespace

CpuStream::CpuStream(std::string name, int index, int first_worker, std::vector<int> cpus,
                     int n_cpus)
    : name_(std::move(name)),
      index_(index),
      first_worker_(first_worker),
      n_cpus_(n_cpus),
      team_(std::move(cpus)) {}

std::vector<ProgramTimeline> CpuStream::run(const Program& program) {
  const auto* own = dynamic_cast<const CpuProgram*>(&program);
  if (!own || own->stream != index_)
    throw std::logic_error("stream \"" + name_ + "\": the program of step " +
                           std::to_string(program.step) + " is not for it");
  if (index_ > 0) {
    follow(*own);
    return {};
  }
  lead(*own);
  return own->buffer->timelines;
}

void CpuStream::lead(const CpuProgram& program) {
  CpuStep& step = *program.buffer;
  std::exception_ptr failure;
  try {
    execute(program);
  } catch (...) {
    failure = std::current_exception();
  }
  // Whatever happened, nothing of the step may run on.
  const auto n_followers = static_cast<std::uint32_t>(step.timelines.size() - 1);
  for (auto n = step.n_followed.load(); n < n_followers; n = step.n_followed.load())
    await_change(step.n_followed, n);
  auto& timeline = step.timelines.front();
  const auto end_ns = now_ns();
  timeline.wait_ns += end_ns - timeline.end_ns;
  timeline.end_ns = end_ns;
  if (failure) std::rethrow_exception(failure);
  if (step.failed)
    throw std::runtime_error("step " + std::to_string(program.step) + " failed on another stream");
}

void CpuStream::follow(const CpuProgram& program) {
  CpuStep& step = *program.buffer;
  const auto end = [&] {
    ++step.n_followed;
    step.n_followed.notify_all();
  };
  try {
    execute(program);
  } catch (...) {
    end();
    throw;
  }
  end();
}

void CpuStream::execute(const CpuProgram& program) {
  auto& timeline = program.buffer->timelines[static_cast<std::size_t>(index_)];
  const int share = static_cast<int>(std::lround(program.share * static_cast<float>(n_cpus_)));
  timeline = {.step = program.step, .flops = program.flops, .bytes = program.bytes};
  program.buffer->launches[static_cast<std::size_t>(index_)].clear();
  timeline.start_ns = now_ns();
  const auto job = [&](int worker) {
    if (program.work) return program.work(worker);
    run_instructions(program, Crew{team_, first_worker_ + worker, index_},
                     worker == 0 ? &timeline : nullptr);
  };
  // By reference: a std::function of the job itself would be allocated.
  team_.run(std::clamp(share, 1, team_.size()), program.buffer->failed, std::cref(job));
  timeline.end_ns = now_ns();
}

}  // namespace nanoflow
