#pragma once
#include <vector>

#include "engine/batch/step.hpp"

namespace nanoflow {

/// Where a step's rows lie: which sequence each belongs to, which sample, and how they are cut into
/// nano-batches.
class RowCuts {
 public:
  RowCuts(const Step& step, const std::vector<float>& nano_batches);

  int begin(int nano) const { return cuts_[nano]; }  // first row of a nano-batch; [0, n_nano]
  /// Rows that sample among [0, row).
  int sampled_before(int row) const { return sampled_before_[row]; }
  /// First row of the sequence that the row belongs to.
  int sequence_begin(int row) const { return sequence_begin_[row]; }

 private:
  std::vector<int> cuts_;            // [n_nano + 1], never falling
  std::vector<int> sampled_before_;  // [n_tokens + 1]
  std::vector<int> sequence_begin_;  // [n_tokens]
};

}  // namespace nanoflow
