#include "engine/plan/row_cuts.hpp"

#include <algorithm>
#include <cmath>

namespace nanoflow {

namespace {

/// The row nearest to the wanted one at which a sequence begins.
int nearest_sequence_begin(const std::vector<int>& sequence_begin, int wanted) {
  const int n_rows = static_cast<int>(sequence_begin.size());
  if (wanted >= n_rows) return n_rows;
  const int before = sequence_begin[wanted];
  int after = wanted;
  while (after < n_rows && sequence_begin[after] == before) ++after;
  return wanted - before <= after - wanted ? before : after;
}

}  // namespace

RowCuts::RowCuts(const Step& step, const std::vector<float>& nano_batches) {
  const int n_tokens = step.n_tokens();
  sampled_before_.reserve(n_tokens + 1);
  sequence_begin_.reserve(n_tokens);
  sampled_before_.push_back(0);
  for (const auto& sequence : step.sequences) {
    const int first = static_cast<int>(sequence_begin_.size());
    sequence_begin_.insert(sequence_begin_.end(), sequence.n_rows, first);
    const int sampled = sampled_before_.back();
    sampled_before_.insert(sampled_before_.end(), sequence.n_rows, sampled);
    if (sequence.n_rows > 0) sampled_before_.back() += sequence.samples ? 1 : 0;
  }

  // A cut sequence makes attention wait for its earlier rows, so a cut moves to the nearest
  // boundary within a quarter of a nano-batch.
  const int n_nano = static_cast<int>(nano_batches.size());
  const int near = n_tokens / (4 * n_nano);
  double part = 0;
  cuts_.push_back(0);
  for (int nano = 0; nano + 1 < n_nano; ++nano) {
    part += nano_batches[nano];
    const int wanted = std::min(n_tokens, static_cast<int>(std::lround(part * n_tokens)));
    const int boundary = nearest_sequence_begin(sequence_begin_, wanted);
    const int cut = std::abs(boundary - wanted) <= near ? boundary : wanted;
    cuts_.push_back(std::max(cuts_.back(), cut));
  }
  cuts_.push_back(n_tokens);
}

}  // namespace nanoflow
