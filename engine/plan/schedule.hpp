// How an iteration of a certain kind is run: its nano-batches, and where and when each operation
// runs on them.
#pragma once
#include <string>
#include <vector>

#include "engine/plan/graph.hpp"

namespace nanoflow {

/// What a schedule is chosen by.
struct BatchSignature {
  int n_tokens = 0;      // rows of the dense operations
  int n_decode = 0;      // sequences that compute one row, but for their drafts
  int mean_context = 0;  // tokens, of all sequences
  int n_draft = 0;       // rows that are guesses: each goes with its sequence's other row
};
BatchSignature batch_signature(const Step& step);

/// How an operation is held to its share of the device.
enum class Mechanism {
  stream,     // it is not: its stream's neighbours compete
  grid_cap,   // it launches on so much of the device only
  partition,  // its stream owns that part of the device
};

/// One operation on some of the nano-batches.
struct NanoOperation {
  int operation = 0;                 // index into its block
  int nano_begin = 0, nano_end = 1;  // nano-batches [nano_begin, nano_end) at once
  int stream = 0;
  float share = 1.0F;  // of the device, 0 .. 1
  Mechanism mechanism = Mechanism::stream;
};

struct Schedule {
  std::string name;  // "sequential", ...
  BatchSignature signature;
  std::vector<std::string> streams;                // names, as the device's
  std::vector<float> nano_batches;                 // each one's part of the work; they sum to 1
  std::vector<std::vector<NanoOperation>> blocks;  // [graph.blocks], each in launch order
};

/// One nano-batch, one stream, one operation after the other: always a candidate.
Schedule sequential_schedule(const Graph& graph);
/// The same with the rows cut into nano-batches of equal work, operation by operation: costs time,
/// changes no bit.
Schedule split_schedule(const Graph& graph, int n_nano_batches);

/// Of sequential's time, what a schedule may take that counts as faster, measured or predicted.
inline constexpr double clearly_faster = 0.98;

/// That part of so many processors, as a share of whole ones, at least one.
float share_of_cpus(float part, int n_cpus);

/// Throws std::logic_error where a schedule does not run every operation exactly once on every
/// nano-batch, or runs one before its inputs.
void check_schedule(const Graph& graph, const Schedule& schedule);
/// Also where it has more streams than a device.
void check_schedule(const Graph& graph, const Schedule& schedule, int n_streams);

}  // namespace nanoflow
