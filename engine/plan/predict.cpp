#include "engine/plan/predict.hpp"

#include <algorithm>
#include <limits>

#include "engine/plan/program.hpp"
#include "engine/plan/row_cuts.hpp"

namespace nanoflow {

namespace {

class VirtualStreams {
 public:
  VirtualStreams(const std::vector<Program>& programs, const Graph& graph, const Step& step,
                 const Profile& profile)
      : graph_(graph), profile_(profile), positions_(costs_before(step, {.read = 1})) {
    for (const auto& program : programs) streams_.push_back({&program.instructions});
    recorded_.resize(static_cast<std::size_t>(programs.front().n_events));
  }

  double run() {
    while (issue()) advance();
    return now_;
  }

 private:
  struct Stream {
    const std::vector<Instruction>* instructions;
    std::size_t at = 0;
    OperationKind kind = OperationKind::embed;
    double left = 0;   // of the launch that runs, ms by itself
    double speed = 1;  // of that, at this moment
  };

  /// Brings every stream to a launch that takes time, to an event that it waits for, or to its end.
  /// False: all have ended.
  bool issue() {
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& stream : streams_)
        while (stream.left <= 0 && stream.at < stream.instructions->size() && step_over(stream))
          moved = true;
    }
    return std::any_of(streams_.begin(), streams_.end(), [](const auto& s) { return s.left > 0; });
  }

  bool step_over(Stream& stream) {
    const auto& instruction = (*stream.instructions)[stream.at];
    const auto event = static_cast<std::size_t>(instruction.event);
    if (instruction.type == Instruction::Type::wait && !recorded_[event]) return false;
    if (instruction.type == Instruction::Type::record) recorded_[event] = true;
    if (instruction.type == Instruction::Type::launch) {
      stream.kind = instruction.kind;
      stream.left = launch_ms(instruction);
    }
    ++stream.at;
    return true;
  }

  /// To the moment when the next launch ends.
  void advance() {
    double next = std::numeric_limits<double>::infinity();
    for (auto& stream : streams_) {
      if (stream.left <= 0) continue;
      stream.speed = speed(stream);
      next = std::min(next, stream.left / stream.speed);
    }
    for (auto& stream : streams_) {
      if (stream.left <= 0) continue;
      stream.left -= next * stream.speed;
      if (stream.left < 1e-9) stream.left = 0;
    }
    now_ += next;
  }

  /// Beside several others, the product of what it keeps beside each.
  double speed(const Stream& stream) const {
    double speed = 1;
    for (const auto& other : streams_)
      if (&other != &stream && other.left > 0) speed *= profile_.keeps(stream.kind, other.kind);
    return speed;
  }

  double launch_ms(const Instruction& launch) const {
    const auto& operation = graph_.blocks[static_cast<std::size_t>(launch.block)]
                                .operations[static_cast<std::size_t>(launch.operation)];
    const double size = launch.kind == OperationKind::attention
                            ? positions_[static_cast<std::size_t>(launch.row_end)] -
                                  positions_[static_cast<std::size_t>(launch.row_begin)]
                        : operation.sampled_rows ? launch.sampled_end - launch.sampled_begin
                                                 : launch.row_end - launch.row_begin;
    return profile_.launch_ms(launch.kind, launch.share, size);
  }

  const Graph& graph_;
  const Profile& profile_;
  std::vector<double> positions_;  // whose K and V are read for all rows before: [n_tokens + 1]
  std::vector<Stream> streams_;
  std::vector<bool> recorded_;
  double now_ = 0;
};

}  // namespace

double predict_ms(const Graph& graph, const Schedule& schedule, const Step& step,
                  const Profile& profile) {
  return VirtualStreams(compile(graph, schedule, step), graph, step, profile).run();
}

Step typical_step(const BatchSignature& signature) {
  Step step;
  step.number = 1;
  const int context = std::max(1, signature.mean_context);
  for (int i = 0; i < signature.n_decode; ++i) {
    auto& sequence = step.sequences.emplace_back();
    sequence.position = context - 1;
    sequence.n_rows = 1;
    sequence.samples = true;
  }
  if (signature.n_decode > 0) {
    auto& guesses = step.sequences.front();
    guesses.n_draft = signature.n_draft;
    guesses.n_rows += signature.n_draft;
    guesses.position = std::max(0, guesses.position - signature.n_draft);
  }
  const int prompt = signature.n_tokens - step.n_tokens();
  if (prompt > 0) {
    auto& sequence = step.sequences.emplace_back();
    sequence.position = std::max(0, context - prompt);
    sequence.n_rows = prompt;
    sequence.samples = true;
  }
  return step;
}

}  // namespace nanoflow
