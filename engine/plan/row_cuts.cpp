#include "engine/plan/row_cuts.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nanoflow {

namespace {

/// The row nearest to the wanted one where `allowed` holds; the first and the last always qualify.
template <class Allowed>
int nearest(int n_rows, int wanted, Allowed allowed) {
  if (wanted >= n_rows) return n_rows;
  int before = wanted, after = wanted;
  while (before > 0 && !allowed(before)) --before;
  while (after < n_rows && !allowed(after)) ++after;
  return wanted - before <= after - wanted ? before : after;
}

/// Index of the sum that is nearest to `wanted`.
int nearest_cost(const std::vector<double>& before, double wanted) {
  const auto above = std::lower_bound(before.begin(), before.end(), wanted);
  if (above == before.end()) return static_cast<int>(before.size()) - 1;
  const bool lower_is_nearer = above != before.begin() && wanted - *(above - 1) < *above - wanted;
  return static_cast<int>(above - before.begin()) - (lower_is_nearer ? 1 : 0);
}

}  // namespace

std::vector<double> costs_before(const Step& step, const RowCost& cost,
                                 std::vector<double> memory) {
  constexpr int rows_that_read_together = 16;
  std::vector<double> before = std::move(memory);
  before.assign(1, 0);
  before.reserve(static_cast<std::size_t>(step.n_tokens()) + 1);
  for (const auto& sequence : step.sequences) {
    const double position =
        cost.attended + cost.read / std::min(sequence.n_rows, rows_that_read_together);
    for (int row = 0; row < sequence.n_rows; ++row)
      before.push_back(before.back() + cost.products + position * (sequence.position + row + 1));
  }
  return before;
}

RowCost row_cost(const Graph& graph, const StepShape& shape) {
  StepShape unseeing = shape;  // its rows attend to nothing
  unseeing.attended = unseeing.context = 0;
  unseeing.windowed_attended = unseeing.windowed_context = 0;
  StepShape seeing = unseeing;
  seeing.attended = seeing.context = 1;
  const auto rows = static_cast<double>(std::max<std::int64_t>(1, shape.n_tokens));
  const double flops = graph.flops(unseeing), bytes = graph.bytes(unseeing);
  return {.products = (flops + flops_a_byte * bytes) / rows,
          .attended = graph.flops(seeing) - flops,
          .read = flops_a_byte * (graph.bytes(seeing) - bytes)};
}

void RowCuts::assign(const Step& step, const RowCost& cost,
                     const std::vector<float>& nano_batches) {
  assign_rows(step);
  if (nano_batches.size() > 1) costs_before_ = costs_before(step, cost, std::move(costs_before_));
  cut(step.n_tokens(), nano_batches);
}

void RowCuts::assign_rows(const Step& step) {
  sampled_before_.assign(1, 0);
  sequence_begin_.clear();
  cuttable_.clear();
  for (const auto& sequence : step.sequences) {
    const int first = static_cast<int>(sequence_begin_.size());
    sequence_begin_.insert(sequence_begin_.end(), sequence.n_rows, first);
    for (int row = 0; row < sequence.n_rows; ++row) {
      // Rows that sample stay together: one after the other chooses a token.
      const bool on_page = (sequence.position + row) % page_size == 0;
      cuttable_.push_back(row == 0 || (on_page && row < sequence.n_rows - sequence.n_draft));
      const bool samples = row >= sequence.n_rows - sequence.n_sampled();
      sampled_before_.push_back(sampled_before_.back() + (samples ? 1 : 0));
    }
  }
}

/// A cut sequence makes attention wait for its earlier rows, so a cut moves to where a sequence
/// begins within a quarter of a nano-batch; else to where a page does, so that no launch writes to
/// a page that another one reads.
void RowCuts::cut(int n_tokens, const std::vector<float>& nano_batches) {
  const int n_nano = static_cast<int>(nano_batches.size());
  const int near = n_tokens / (4 * n_nano);
  double part = 0;
  cuts_.assign(1, 0);
  for (int nano = 0; nano + 1 < n_nano; ++nano) {
    part += nano_batches[nano];
    const int wanted = nearest_cost(costs_before_, part * costs_before_.back());
    const auto begins = [&](int row) { return sequence_begin_[row] == row; };
    int cut = nearest(n_tokens, wanted, begins);
    if (std::abs(cut - wanted) > near)
      cut = nearest(n_tokens, wanted, [&](int row) { return cuttable_[row]; });
    cuts_.push_back(std::max(cuts_.back(), cut));
  }
  cuts_.push_back(n_tokens);
}

}  // namespace nanoflow
