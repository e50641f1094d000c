#pragma once
#include <vector>

#include "engine/batch/step.hpp"
#include "engine/plan/graph.hpp"

namespace nanoflow {

/// What a row costs beside others, in FLOPs: products, and attention to each position that it sees.
struct RowCost {
  double products = 0;
  double attended = 0;  // a position, arithmetic
  double read = 0;      // a position, K and V from memory: once for all rows of an attention tile
};
/// In a step of that shape, whose rows share the reading of the weights.
RowCost row_cost(const Graph& graph, const StepShape& shape);
/// Of all rows before each one: [n_tokens + 1]. `memory` is used again for it.
std::vector<double> costs_before(const Step& step, const RowCost& cost,
                                 std::vector<double> memory = {});

/// Where a step's rows lie: which sequence each belongs to, which sample, and how they are cut into
/// nano-batches. Its vectors keep their memory from step to step.
class RowCuts {
 public:
  RowCuts() = default;
  RowCuts(const Step& step, const RowCost& cost, const std::vector<float>& nano_batches) {
    assign(step, cost, nano_batches);
  }
  /// nano_batches: each one's part of the step's cost, which one nano-batch has no need of.
  void assign(const Step& step, const RowCost& cost, const std::vector<float>& nano_batches);

  int begin(int nano) const { return cuts_[nano]; }  // first row of a nano-batch; [0, n_nano]
  /// Rows that sample among [0, row).
  int sampled_before(int row) const { return sampled_before_[row]; }
  /// First row of the sequence that the row belongs to.
  int sequence_begin(int row) const { return sequence_begin_[row]; }

 private:
  void assign_rows(const Step& step);
  void cut(int n_tokens, const std::vector<float>& nano_batches);

  std::vector<int> cuts_;            // [n_nano + 1], never falling
  std::vector<int> sampled_before_;  // [n_tokens + 1]
  std::vector<int> sequence_begin_;  // [n_tokens]
  std::vector<bool> cuttable_;       // [n_tokens], in front of the row
  std::vector<double> costs_before_;
};

}  // namespace nanoflow
