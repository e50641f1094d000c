// The executor's insides. How steps run is in executor.cpp; what it lets be measured, remembers of
// its steps and searches for, in executor_plan.cpp.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/executor.hpp"
#include "actors/step_records.hpp"
#include "engine/plan/schedule_table.hpp"

namespace nanoflow {

using Programs = std::vector<std::shared_ptr<const Program>>;
using OutcomePromise = caf::typed_response_promise<StepOutcomePtr>;
using ProbePromise = caf::typed_response_promise<TimelinesPtr>;
using PongPromise = caf::typed_response_promise<pong_atom>;

struct RunningStep {
  StepPtr step;
  BatchSignature signature;
  int candidate = 0;  // of the schedules
  OutcomePromise promise;
  Programs programs;  // empty: not prepared yet
  bool sent = false;
  int generation = 0;  // of the streams that it was sent to
  bool ended = false;
  TimelinesPtr timelines;  // by stream
  std::string failure;     // empty: none

  bool running() const { return sent && !ended; }
  double ms() const {  // of the leader, which ends last
    const auto& leader = timelines->front();
    return static_cast<double>(leader.end_ns - leader.start_ns) * 1e-6;
  }
};

struct ExecutorState;
using ExecutorSelf = ExecutorActor::stateful_pointer<ExecutorState>;

struct ExecutorState {
  static inline const char* name = "executor";

  ExecutorSelf self = nullptr;
  ExecutorConfig config;
  std::optional<ScheduleTable> schedules;
  std::optional<StepRecords> records;
  std::deque<RunningStep> steps;  // at most two, in order
  int streams_generation = 0;     // which set of streams these are
  bool broken = false;            // one of them failed: wait for the next set
  std::string lost;               // a failure that the scheduler may not know of yet
  std::vector<PongPromise> waiting_pings, waiting_for_idle;
  std::optional<std::pair<ProbePtr, ProbePromise>> waiting_probe;
  bool probing = false;
  StreamTimelines timelines;  // that the monitor was not told yet
  Clock::time_point next_report;

  // executor.cpp
  OutcomePromise add(const StepPtr& step);
  void advance();
  void send(RunningStep& step);
  void end(std::uint64_t step, const TimelinesPtr& timelines);
  void fail(std::uint64_t step, const caf::error& error);
  void settle();
  void answer(RunningStep& step);
  void answer_lost_steps();
  void use_streams(std::vector<StreamActor> streams);
  void note_failure(int generation);
  void ping(const PongPromise& promise);
  StepProgramsPtr for_streams(const Programs& programs) const;
  RunningStep& find(std::uint64_t step);
  // executor_plan.cpp
  ProbePromise add_probe(const ProbePtr& probe);
  void start_probe();
  void end_probe();
  void record(const RunningStep& step);
  void search(const BatchSignature& signature);
  void use(const SearchOutcome& outcome);
  void report();
};

}  // namespace nanoflow
