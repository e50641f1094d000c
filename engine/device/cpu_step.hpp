#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/batch/step.hpp"
#include "engine/device/event.hpp"
#include "engine/plan/launch_span.hpp"
#include "engine/plan/program.hpp"

namespace nanoflow {

/// What bounds a step, for the checks.
struct StepLimits {
  int n_pages = 0;
  int n_slots = 0;
  int max_step_tokens = 0;
  int max_sampled = 0;  // rows that sample
  int vocab_size = 0;
};

/// A step as its programs read it: copied, checked and flattened, so that the step itself may go.
/// Its vectors keep their memory from step to step.
struct CpuStep {
  struct Sequence {
    SlotId slot = 0;
    int position = 0;  // of its first row
    int row_begin = 0, row_end = 0;
    int page_begin = 0;   // in page_table
    bool newest = false;  // its one row is the slot's newest token
    std::shared_ptr<const SlotStart> start;
  };
  /// A row whose logits choose a token.
  struct Sampled {
    int row = 0;
    SlotId slot = 0;
    int choice = 0;
    int position = 0;  // of the token to be chosen
    std::shared_ptr<const SamplingParams> sampling;
    bool takes_largest = false;  // as sampling says
  };
  /// A sequence's rows that sample: one after the other, as long as guesses are right.
  struct Sampler {
    int begin = 0, end = 0;  // in sampled
    int n_sampled = 0;       // of them, when the step has run
  };
  /// Rows of one sequence, few enough to share out well: the unit of what goes by sequence.
  struct Tile {
    int sequence = 0;
    int row_begin = 0, row_end = 0;
  };

  std::uint64_t number = 0;  // 0: none yet
  std::vector<Sequence> sequences;
  std::vector<int> tokens;         // [n_tokens]; the newest ones are filled in by embed
  std::vector<int> positions;      // [n_tokens]
  std::vector<PageId> page_table;  // of all sequences
  std::vector<Tile> tiles;         // by ascending row
  std::vector<Sampled> sampled;
  std::vector<Sampler> samplers;            // by ascending row
  std::vector<StepResult::Sampled> chosen;  // [sampled]
  EventPool events;

  // While it runs.
  std::atomic<bool> failed = false;               // on one of the streams: pass over what is left
  std::vector<ProgramTimeline> timelines;         // [streams of its schedule]
  std::vector<std::vector<LaunchSpan>> launches;  // [streams of its schedule], as they ran
  std::atomic<std::uint32_t> n_followed = 0;      // followers that are done

  /// Throws std::logic_error where the step is not what a scheduler may ask for.
  void assign(const Step& step, const StepLimits& limits);
  /// Before its programs run, on so many streams: nothing has happened yet.
  void restart(std::size_t n_streams);

  /// Indices of the tiles that have rows within [row_begin, row_end): [first, last).
  std::pair<int, int> tiles_within(int row_begin, int row_end) const;
  /// The same of samplers with rows within [begin, end) of those that sample.
  std::pair<int, int> samplers_within(int begin, int end) const;
  /// When it has run.
  StepResult result() const;

 private:
  void add(const StepSequence& sequence);

  std::vector<bool> slots_seen_;  // [n_slots], by the checks
};

/// Rows of a tile: positions differ in cost, so a long prompt is more than one.
inline constexpr int tile_rows = 32;

}  // namespace nanoflow
